"""People with access tokens, for works that present thousands of them: rows without sign-ins."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.sides import USER_AGENT
from jwt_sessions.claims import AMR_PASSWORD
from jwt_sessions.clients import address_key, device_key
from jwt_sessions.conf import conf
from jwt_sessions.models import RefreshToken, Session
from jwt_sessions.sessions.pairs import idle_end
from jwt_sessions.tokens import mint_access_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from benchmarks.sides import Side

USERS: Final = 500
TOKENS_OF_EACH: Final = 10

ADDRESS: Final = "192.0.2.1"


class Bearer(NamedTuple):
    """Who is expected to be found by an access token."""

    pk: int
    username: str
    access: str


def bearers(side: Side) -> list[Bearer]:
    """Return a token for each of thousands of sessions, in no order; the users are the same."""
    tokens = list(_ours() if side.is_ours else _theirs())
    random.Random(len(tokens)).shuffle(tokens)  # noqa: S311 - the same order in each run
    return tokens


def new_session(user: Any, now: datetime) -> Session:
    """Return a session as a browser starts it, and its refresh token; neither is saved."""
    session = Session(
        user=user,
        user_agent=USER_AGENT,
        browser="Chrome",
        platform="Windows",
        device_key=device_key("", "Chrome", "Windows"),
        address=ADDRESS,
        address_key=address_key(ADDRESS),
        amr=[AMR_PASSWORD],
        auth_time=now,
        auth_hash=user.get_session_auth_hash(),
        created_at=now,
        expires_at=now + conf.SESSION_LIFETIME,
    )
    # The session knows it from now on.
    RefreshToken(
        session=session, last_seen_at=now, idle_expires_at=idle_end(session, now), address=ADDRESS
    )
    return session


def _ours() -> Iterator[Bearer]:
    now = timezone.now()
    sessions = [new_session(user, now) for user in users() for _ in range(TOKENS_OF_EACH)]
    Session.objects.bulk_create(sessions)
    RefreshToken.objects.bulk_create([session.refresh_token for session in sessions])
    for session in sessions:
        yield Bearer(session.user.pk, session.user.username, mint_access_token(session, now=now))


def _theirs() -> Iterator[Bearer]:
    for user in users():
        for _ in range(TOKENS_OF_EACH):
            yield Bearer(user.pk, user.username, str(AccessToken.for_user(user)))


@cache
def users() -> list[Any]:
    """Return the people of all works, who are made once."""
    model, password = get_user_model(), make_password("correct-horse")
    people = (model(username=f"bearer-{n}", password=password) for n in range(USERS))
    return model.objects.bulk_create(people)
