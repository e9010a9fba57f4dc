"""Whether a session lives, by its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.crypto import constant_time_compare

from jwt_sessions.conf import conf
from jwt_sessions.models import CompiledLookup, RevokedReason, Session, SessionKind
from jwt_sessions.tokens import user_id_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from jwt_sessions.models import PendingLogin
    from jwt_sessions.tokens import SessionAccessToken

_SESSIONS: Final = CompiledLookup(Session, lambda: Session.objects.with_user("user"))


def find_session(sid: UUID) -> Session | None:
    """Return the session with its user, in one query, or None."""
    return _SESSIONS.get(sid)


def attach_live_session(token: SessionAccessToken) -> str | None:
    """Put the token's session on ``token.session`` if it lives; else return why it does not.

    One query.
    """
    session = find_session(token.sid)
    if session is None:
        return "session_unknown"
    reason = why_dead(session, now=timezone.now())
    if reason is not None:
        return reason
    # A browser session has no tokens, so this is none of its own.
    if session.kind != SessionKind.API:
        return "wrong_kind"
    # One spelling names one person, and a changed user id makes a token stale.
    if token["sub"] != user_id_of(session.user):
        return "wrong_subject"
    token.session = session
    return None


def why_dead(session: Session, *, now: datetime) -> str | None:
    """Return why nobody may use `session` any more, or None if it lives.

    The answer is ``"session_revoked"``, ``"session_expired"`` or a ``RevokedReason`` that nobody
    has recorded yet.
    """
    if session.is_revoked:
        return "session_revoked"
    if session.expires_at <= now:
        return "session_expired"
    if session.user is None:
        return RevokedReason.USER_DELETED
    if not may_sign_in(session.user):
        return RevokedReason.USER_DEACTIVATED
    if not is_bound(session, session.user):
        return RevokedReason.PASSWORD_CHANGED
    return None


def may_sign_in(user: Any) -> bool:
    """Return whether the project lets `user` be signed in."""
    if (rule := conf.USER_AUTHENTICATION_RULE) is not None:
        return bool(rule(user))
    return not conf.CHECK_USER_IS_ACTIVE or getattr(user, "is_active", True)


def is_bound(session: Session | PendingLogin, user: Any) -> bool:
    """Return whether the user's password is still the one that `session` began with."""
    return any(constant_time_compare(session.auth_hash, valid) for valid in auth_hashes(user))


def auth_hashes(user: Any) -> Iterator[str]:
    """Yield the values of `auth_hash` that bind a session to the user's password.

    The first is the current one; the others come from ``SECRET_KEY_FALLBACKS``. A user model
    without passwords yields "".
    """
    if not hasattr(user, "get_session_auth_hash"):
        yield ""
        return
    yield user.get_session_auth_hash()
    if hasattr(user, "get_session_auth_fallback_hash"):
        yield from user.get_session_auth_fallback_hash()
