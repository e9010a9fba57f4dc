"""What minting and reading need: a session that no database knows, and one access token."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.utils import timezone

from benchmarks.keys import LIFETIME
from jwt_sessions.claims import AMR_PASSWORD
from jwt_sessions.models import RefreshToken, Session
from jwt_sessions.tokens import mint_access_token

if TYPE_CHECKING:
    from collections.abc import Callable


def minting() -> Callable[[], str]:
    """Return what mints an access token of one session, a new one with each call."""
    now = timezone.now()
    session = Session(
        user=get_user_model()(pk=1),
        amr=[AMR_PASSWORD],
        auth_time=now,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    # The session knows it from now on.
    RefreshToken(session=session, last_seen_at=now, idle_expires_at=now + LIFETIME)
    return partial(mint_access_token, session, now=now)


@cache
def access_token(algorithm: str) -> str:
    """Return the one token that both sides read; the settings have a key of `algorithm`."""
    return minting()()
