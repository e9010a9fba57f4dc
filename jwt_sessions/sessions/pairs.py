"""The tokens that go out to a client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jwt_sessions.conf import conf
from jwt_sessions.tokens import mint_access_token, mint_refresh_token

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from jwt_sessions.models import Session


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The tokens of a session that was just started or refreshed."""

    session: Session
    access: str = field(repr=False)
    refresh: str = field(repr=False)


def mint_pair(session: Session, *, now: datetime) -> TokenPair:
    """Return the tokens of `session`, whose user and refresh token are loaded."""
    return TokenPair(
        session=session,
        access=mint_access_token(session, now=now),
        refresh=mint_refresh_token(session.refresh_token),
    )


def idle_end(session: Session, now: datetime, idle: timedelta | None = None) -> datetime:
    """Return when the session ends if it is not used after `now`: never after its absolute end.

    `idle` is how long it may lie unused; None: REFRESH_TOKEN_LIFETIME.
    """
    may_lie = conf.REFRESH_TOKEN_LIFETIME if idle is None else idle
    return min(now + may_lie, session.expires_at)
