from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from jwt_sessions import clients, signals
from jwt_sessions.claims import AMR_PASSWORD
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import UserGone
from jwt_sessions.models import RefreshToken, Session, SessionKind, session_alias
from jwt_sessions.revocation import auth_hashes
from jwt_sessions.sessions.announcing import announce, announce_login
from jwt_sessions.sessions.limiting import make_room
from jwt_sessions.sessions.locking import take_turns
from jwt_sessions.sessions.pairs import TokenPair, idle_end, mint_pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta
    from uuid import UUID

    from django.http import HttpRequest


def start(
    user: Any,
    *,
    request: HttpRequest | None = None,
    amr: Sequence[str] = (AMR_PASSWORD,),
    device_name: str = "",
    data: dict[str, Any] | None = None,
) -> TokenPair:
    """Start a session for `user`, who has just proven themselves by the methods in `amr`.

    `device_name` is what the client calls itself; control characters and what is over 100
    characters are cut. `data` is any JSON object of your own, found again on ``session.data``.
    Sends ``user_logged_in`` (whose receiver in Django updates ``last_login``) and
    ``session_started``. Two inserts.

    Beyond MAX_SESSIONS_PER_USER live sessions, the oldest are revoked, or, by SESSION_LIMIT_POLICY,
    ``SessionLimitReached`` is raised. That costs three queries more. Raises ``UserGone`` where the
    user was deleted meanwhile.
    """
    session = _describe(user, request, amr, device_name=device_name, data=data or {})
    with _storing(session, request, idle=conf.REFRESH_TOKEN_LIFETIME):
        pair = mint_pair(session, now=session.created_at)
        announce_login(user, request)
    return pair


@dataclass(frozen=True, slots=True)
class Origin:
    """What a browser session was before it was a session of ours.

    `sid`: the id it must get, by which a second one of the same origin is noticed. `device_name`:
    what its device was called already.
    """

    sid: UUID | None = None
    device_name: str = ""


def start_in_browser(
    user: Any,
    *,
    request: HttpRequest,
    amr: Sequence[str],
    idle: timedelta,
    origin: Origin | None = None,
) -> Session:
    """Start a session of kind "browser" for `user`, which ends where it lies unused for `idle`.

    It has no tokens: ``request.session`` keeps its id. Sends ``session_started``; a login is for
    others to announce. One that was there before we were (`origin`) is nobody's login, so that it
    neither is refused nor ends another. Two inserts.

    Raises ``SessionLimitReached`` and ``UserGone`` as ``start`` does, and Django's
    ``IntegrityError`` where one with the id of `origin` is there already.
    """
    named = origin or Origin()
    fields: dict[str, Any] = {"kind": SessionKind.BROWSER, "device_name": named.device_name}
    if named.sid is not None:
        fields["id"] = named.sid
    session = _describe(user, request, amr, **fields)
    with _storing(session, request, idle=idle, is_login=origin is None):
        pass
    return session


def _describe(
    user: Any, request: HttpRequest | None, amr: Sequence[str], *, device_name: str, **fields: Any
) -> Session:
    now = timezone.now()
    client = clients.describe(request)
    name = clients.clean_text(device_name, clients.NAME_LENGTH)
    return Session(
        user=user,
        device_name=name,
        device_key=clients.device_key(name, client.browser, client.platform),
        user_agent=client.user_agent,
        browser=client.browser,
        platform=client.platform,
        address=client.address,
        address_key=clients.address_key(client.address),
        amr=list(amr),
        auth_time=now,
        auth_hash=next(auth_hashes(user)),
        created_at=now,
        expires_at=now + conf.SESSION_LIFETIME,
        **fields,
    )


@contextmanager
def _storing(
    session: Session, request: HttpRequest | None, *, idle: timedelta, is_login: bool = True
) -> Iterator[None]:
    """Insert a session, within a transaction for what belongs to that, and announce it."""
    user: Any = session.user
    try:
        with transaction.atomic(using=session_alias()):
            _store(session, request, idle=idle, is_login=is_login)
            yield
            announce(signals.session_started, session=session, request=request, is_login=is_login)
    except IntegrityError as error:
        if user.__class__._base_manager.using(session_alias()).filter(pk=user.pk).exists():
            raise
        raise UserGone from error


def _store(
    session: Session, request: HttpRequest | None, *, idle: timedelta, is_login: bool
) -> None:
    maximum = conf.MAX_SESSIONS_PER_USER if is_login else None
    if maximum is not None:
        take_turns(session.user)
    session.save(using=session_alias(), force_insert=True)
    RefreshToken.objects.create(
        session=session,
        last_seen_at=session.created_at,
        idle_expires_at=idle_end(session, session.created_at, idle),
        address=session.address,
    )
    if maximum is not None:
        make_room(session, maximum, request=request)
