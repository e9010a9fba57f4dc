"""Find out who is calling, thousands of tokens in turn: no HTTP, one query on either side.

simplejwt reads the user, and asks nobody whether the token is still good. We read the session and
its user.
"""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework_simplejwt.authentication import JWTAuthentication

from benchmarks.bearers import bearers
from benchmarks.sides import WrongAnswer
from jwt_sessions.authentication import JWTSessionAuthentication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.sides import Side


class Call:
    """One request, whose caller is asked for."""

    def __init__(self, authentication: type[Any], access: str) -> None:
        self.authentication = authentication
        bare = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {access}")
        self.request = Request(bare)
        self.username = ""

    def __call__(self) -> None:
        """Do what REST framework does with each request."""
        user, _ = self.authentication().authenticate(self.request)
        self.username = user.username


def steps(side: Side) -> Iterator[Callable[[], object]]:
    """Yield a call for each token, and so on."""
    authentication = JWTSessionAuthentication if side.is_ours else JWTAuthentication
    calls = [(Call(authentication, each.access), each.username) for each in bearers(side)]
    for call, username in cycle(calls):
        yield call
        if call.username != username:
            raise WrongAnswer(f"{call.username} was found, not {username}")
