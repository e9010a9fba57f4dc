"""What happened to one session, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext, ngettext

from jwt_sessions.models import SecurityEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from jwt_sessions.models import Session

# Events of one session that are told.
EVENTS: Final = 50


@dataclass(frozen=True, slots=True)
class Happening:
    """One line: when, what, and what more is known. `is_end`: the session ended by it."""

    at: datetime
    what: str
    detail: str = ""
    is_end: bool = False


def tell(session: Session, *, methods: str) -> list[Happening]:
    """Return what happened to a session, the earliest first. One query."""
    told = [*_use(session, methods), *_events(session), *_end(session)]
    # The same moment keeps the order in which it is told here.
    return sorted(told, key=lambda happening: happening.at)


def _use(session: Session, methods: str) -> Iterator[Happening]:
    token = session.refresh_token
    yield Happening(
        session.created_at,
        gettext("Signed in"),
        _joined(session.display_name, session.address, methods),
    )
    if session.auth_time > session.created_at:
        yield Happening(session.auth_time, gettext("Proved themselves again"), methods)
    if token.last_seen_at > session.created_at:
        times = ngettext(
            "Refreshed %(number)d time, the last time now",
            "Refreshed %(number)d times, the last time now",
            token.generation,
        )
        yield Happening(
            token.last_seen_at, times % {"number": token.generation}, token.address or ""
        )


def _events(session: Session) -> Iterator[Happening]:
    for event in SecurityEvent.objects.filter(session_id=session.pk).order_by("pk")[:EVENTS]:
        yield Happening(event.at, str(event.get_kind_display()), event.address or "")


def _end(session: Session) -> Iterator[Happening]:
    if session.revoked_at is not None:
        record = session.bulk_revocation
        in_bulk = gettext("bulk revocation %(id)s") % {"id": record.pk} if record else ""
        detail = _joined(session.get_revoked_reason_display(), session.revoker, in_bulk)
        what = gettext("Revoked")
        yield Happening(session.revoked_at, what, detail, is_end=True)
        return
    unused = session.refresh_token.idle_expires_at
    if session.is_expired:
        end, why = min((session.expires_at, ""), (unused, gettext("It lay unused.")))
        yield Happening(end, gettext("Expired"), why, is_end=True)
        return
    if unused < session.expires_at:
        yield Happening(unused, gettext("Ends then, unless it is used before"))
    yield Happening(session.expires_at, gettext("Ends then in any case"), is_end=True)


def _joined(*parts: Any) -> str:
    return " · ".join(str(part) for part in parts if part)
