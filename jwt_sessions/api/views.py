"""What all views of the JSON face share."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from jwt_sessions.api.errors import exception_handler
from jwt_sessions.api.parsers import SmallJSONParser
from jwt_sessions.autocommit import in_autocommit
from jwt_sessions.http_errors import challenge
from jwt_sessions.throttling import SettlesThrottles

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.response import Response
    from rest_framework.serializers import Serializer
    from rest_framework.throttling import BaseThrottle

    from jwt_sessions.tokens import SessionAccessToken


class JSONOnlyNegotiation(DefaultContentNegotiation):
    """Deaf to ``?format=``, which would make a 404 of every endpoint."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:  # noqa: A002 - DRF's name
        """Return all."""
        return renderers


class SessionAPIView(SettlesThrottles, APIView):
    """A view that speaks JSON only, is never cached, and commits what it did when it refuses."""

    parser_classes = [SmallJSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = JSONOnlyNegotiation
    authentication_classes: Any = []
    permission_classes: Any = []
    # Beside the project's DEFAULT_THROTTLE_CLASSES.
    own_throttle_classes: tuple[type[BaseThrottle], ...] = ()

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view, outside of the request's transaction on every database.

        Under ATOMIC_REQUESTS an error answer rolls back; a reused refresh token must stay revoked.
        """
        return in_autocommit(super().as_view(**initkwargs))

    @property
    def token(self) -> SessionAccessToken:
        """The access token presented; only where ``HasSession`` is asked for."""
        return cast("SessionAccessToken", self.request.auth)

    @property
    def http_request(self) -> HttpRequest:
        """Django's request, which signals and authentication backends expect."""
        return self.request._request  # noqa: SLF001 - DRF has no public name for it

    def get_throttles(self) -> list[Any]:
        """Return our own throttles and the project's."""
        own = [throttle() for throttle in self.own_throttle_classes]
        self.throttles = [*own, *super().get_throttles()]
        return self.throttles

    def get_authenticate_header(self, request: Request) -> str:
        """Return a challenge also where no authentication class is set, so that 401 stays 401."""
        return super().get_authenticate_header(request) or challenge()

    def get_exception_handler(self) -> Any:
        """Return our own handler."""
        return exception_handler

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Forbid every cache to keep the answer (RFC 9111 section 5.2.2.5)."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    def read_body(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the validated body; bad fields are a 400."""
        # A body of `null` lacks whatever is required, like one of `{}`.
        data: Any = self.request.data
        data = {} if data is None else data
        body: dict[str, Any] = _reader(serializer_class).run_validation(data)
        return body


@cache
def _reader(serializer_class: type[Serializer[Any]]) -> Serializer[Any]:
    """Return the one serializer that reads all such bodies; it keeps nothing of any.

    Making one takes longer than reading does.
    """
    return serializer_class()
