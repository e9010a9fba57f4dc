"""Find out who is calling, thousands of tokens in turn: no HTTP.

simplejwt reads the user, and asks nobody whether the token is still good: one query. We read the
session and its user: one query; or, with the cached check, ask the cache, and read them when the
user is touched.
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

    def __init__(
        self, authentication: type[Any], access: str, *, touches_user: bool = True
    ) -> None:
        self.authentication = authentication
        bare = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {access}")
        self.request = Request(bare)
        self.touches_user = touches_user
        self.found: Any = None

    def __call__(self) -> None:
        """Do what REST framework does with each request."""
        user, _ = self.authentication().authenticate(self.request)
        self.found = user.username if self.touches_user else user.pk


def steps(side: Side, *, touches_user: bool = True) -> Iterator[Callable[[], object]]:
    """Yield a call for each token, and so on."""
    authentication = JWTSessionAuthentication if side.is_ours else JWTAuthentication
    for each in cycle(bearers(side)):
        call = Call(authentication, each.access, touches_user=touches_user)
        yield call
        if call.found != (each.username if touches_user else each.pk):
            raise WrongAnswer(f"{call.found} was found, not {each.username}")
