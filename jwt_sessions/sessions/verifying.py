from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.revocation import attach_live_session, why_dead
from jwt_sessions.sessions.refreshing import load_refresh_token
from jwt_sessions.tokens import parse_access_token, parse_refresh_token

if TYPE_CHECKING:
    from jwt_sessions.tokens import SessionRefreshToken


def verify(text: str) -> None:
    """Return if `text` is an access or refresh token that works right now.

    Raises ``InvalidToken``.
    """
    try:
        access_token = parse_access_token(text)
    except InvalidToken as error:
        if error.reason != "wrong_typ":
            raise
        reason = _why_refresh_token_fails(parse_refresh_token(text))
    else:
        reason = attach_live_session(access_token)
    if reason is not None:
        raise InvalidToken(reason)


def _why_refresh_token_fails(token: SessionRefreshToken) -> str | None:
    row = load_refresh_token(token.sid)
    if row is None:
        return "session_unknown"
    if token.generation != row.generation:
        return "superseded"
    now = timezone.now()
    return "session_expired" if row.idle_expires_at <= now else why_dead(row.session, now=now)
