"""Find out who comes with a cookie, thousands of browsers in turn: one query on either side.

Django reads the user, and has nothing to ask whether the session was revoked. We read the session
and its user. What both keep in ``request.session`` is there already; to read that is the same.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import cycle
from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware as Djangos
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponse
from django.test import RequestFactory

from benchmarks.bearers import users
from benchmarks.sides import USER_AGENT, WrongAnswer
from jwt_sessions import sessions
from jwt_sessions.browser_sessions.credential import Credential
from jwt_sessions.claims import AMR_PASSWORD
from jwt_sessions.middleware import AuthenticationMiddleware as Ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.sides import Side

FACTORY = RequestFactory(headers={"user-agent": USER_AGENT})


class Visit:
    """One request, whose user a page greets."""

    def __init__(self, middleware: Any, kept: dict[str, Any]) -> None:
        self.middleware = middleware
        self.request: Any = FACTORY.get("/")
        self.request.session = SessionStore()
        self.request.session._session_cache = dict(kept)  # noqa: SLF001 - as if it had been read
        self.content = b""

    def __call__(self) -> None:
        """Let the page be shown."""
        self.content = self.middleware(self.request).content


def steps(side: Side) -> Iterator[Callable[[], object]]:
    """Yield a visit of each person's browser, and so on."""
    kept = [(_keep(person, is_ours=side.is_ours), person.username) for person in users()]
    middleware = (Ours if side.is_ours else Djangos)(_greet)
    for stored, username in cycle(kept):
        visit = Visit(middleware, stored)
        yield visit
        if visit.content != username.encode():
            raise WrongAnswer(f"{visit.content!r} was found, not {username}")


def _greet(request: Any) -> HttpResponse:
    return HttpResponse(request.user.username)


def _keep(person: Any, *, is_ours: bool) -> dict[str, Any]:
    """Return what a browser's ``request.session`` keeps once somebody has signed in."""
    kept: dict[str, Any] = {
        SESSION_KEY: str(person.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: person.get_session_auth_hash(),
    }
    if is_ours:
        session = sessions.start_in_browser(
            person, request=FACTORY.get("/"), amr=[AMR_PASSWORD], idle=timedelta(days=14)
        )
        Credential.of_now(session.pk, [AMR_PASSWORD]).write(kept)
    return kept
