"""The two sides, and how a work speaks HTTP to either: in whole requests, without a network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.test import RequestFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.core.handlers.wsgi import WSGIHandler

# What our side is called; the other one has the name of what a work puts beside us.
OURS: Final = "jwt_sessions"

CREDENTIALS: Final = {"username": "alice", "password": "correct-horse"}

USER_AGENT: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)

# Many callers: DRF's throttles keep a list of times for each address, which costs by its length.
ADDRESSES = cycle([f"192.0.2.{host}" for host in range(1, 255)])


class WrongAnswer(Exception):
    """An answer other than the one expected: whatever was measured, it was not the work."""


class Exchange:
    """One HTTP request, ready to be sent, and its answer."""

    def __init__(
        self, application: WSGIHandler, environ: dict[str, Any], expected: HTTPStatus
    ) -> None:
        self.application = application
        self.environ = environ
        self.expected = expected
        self.content = b""

    def send(self) -> None:
        """Do what a WSGI server does with a request. Raises ``WrongAnswer``."""
        response: Any = self.application(self.environ, _start_response)
        self.content = b"".join(response)
        response.close()
        if response.status_code != self.expected:
            raise WrongAnswer(
                f"{self.environ['PATH_INFO']}: {response.status_code} {self.content.decode()}"
            )

    def answer(self) -> Any:
        """Return the JSON of the answer."""
        return json.loads(self.content)


@dataclass(frozen=True)
class Side:
    """One of the two that are compared; its name is also where its views are, if it has any."""

    name: str
    application: WSGIHandler

    @property
    def is_ours(self) -> bool:
        """Whether it is our side."""
        return self.name == OURS

    def post(
        self, path: str, body: Mapping[str, str], *, expected: HTTPStatus = HTTPStatus.OK
    ) -> Exchange:
        """Make a request of JSON to the view at `path`."""
        factory = RequestFactory(HTTP_USER_AGENT=USER_AGENT, REMOTE_ADDR=next(ADDRESSES))
        request = factory.post(f"/{self.name}/{path}", body, content_type="application/json")
        return Exchange(self.application, request.environ, expected)

    def login(self) -> Exchange:
        """Make a request that signs alice in."""
        return self.post("token/", CREDENTIALS)


def create_alice() -> None:
    """Create the one user, of both sides."""
    get_user_model().objects.create_user(**CREDENTIALS)


def _start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[..., Any]:
    return bytes
