"""What drf-spectacular is told about us: loaded only where it is installed."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers

from jwt_sessions.api import serializers as ours
from jwt_sessions.conf import conf


class ErrorSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()
    code = serializers.CharField()


BAD_BODY: Final = OpenApiResponse(
    {"type": "object", "additionalProperties": {}},
    description="The body cannot be read (`detail`, `code`), or a list of errors for each field.",
)
REFUSED: Final = OpenApiResponse(ErrorSerializer, description="Refused; `code` says how.")
NOT_FOUND: Final = OpenApiResponse(ErrorSerializer, description="No such session of yours.")
NO_CONTENT: Final = OpenApiResponse(description="Done.")
EMPTY: Final = OpenApiResponse({"type": "object"}, description="Done.")
UNSUPPORTED: Final = OpenApiResponse(ErrorSerializer, description="JSON only.")

BODY_ERRORS: Final = {400: BAD_BODY, 401: REFUSED, 415: UNSUPPORTED}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "jwt_sessions.authentication.JWTSessionAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> Any:
        return build_bearer_security_scheme_object(
            header_name=conf.AUTH_HEADER_NAME,
            token_prefix=conf.AUTH_HEADER_TYPES[0],
            bearer_format="JWT",
        )


def describe(target: str, **methods: Any) -> None:
    """Say for each method of a view what goes in and what comes out."""

    class Extension(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = target

        def view_replacement(self) -> Any:
            return extend_schema_view(**methods)(type(self.target.__name__, (self.target,), {}))


describe(
    "jwt_sessions.api.token_views.TokenObtainPairView",
    post=extend_schema(
        request=ours.SignInSerializer,
        responses={200: ours.TokenPairSerializer, **BODY_ERRORS},
    ),
)
describe(
    "jwt_sessions.api.token_views.TokenRefreshView",
    post=extend_schema(
        request=ours.RefreshSerializer,
        responses={200: ours.TokenPairSerializer, **BODY_ERRORS},
    ),
)
describe(
    "jwt_sessions.api.token_views.TokenVerifyView",
    post=extend_schema(request=ours.VerifySerializer, responses={200: EMPTY, **BODY_ERRORS}),
)
describe(
    "jwt_sessions.api.token_views.TokenBlacklistView",
    post=extend_schema(request=ours.RefreshSerializer, responses={200: EMPTY, **BODY_ERRORS}),
)
describe(
    "jwt_sessions.api.token_views.LogoutView",
    post=extend_schema(
        request=None,
        responses={204: NO_CONTENT, 401: REFUSED},
        auth=[{SessionScheme.name: []}],  # type: ignore[list-item]  # as it is documented
    ),
)
describe(
    "jwt_sessions.api.session_views.SessionListView",
    get=extend_schema(
        responses={200: ours.SessionSerializer(many=True), 401: REFUSED, 404: NOT_FOUND}
    ),
)
describe(
    "jwt_sessions.api.session_views.SessionDetailView",
    patch=extend_schema(
        request=ours.RenameSerializer,
        responses={200: ours.SessionSerializer, 404: NOT_FOUND, **BODY_ERRORS},
    ),
    delete=extend_schema(responses={204: NO_CONTENT, 401: REFUSED, 404: NOT_FOUND}),
)
for _view in ("RevokeOtherSessionsView", "RevokeAllSessionsView"):
    describe(
        f"jwt_sessions.api.session_views.{_view}",
        post=extend_schema(
            request=None, responses={200: ours.RevokedCountSerializer, 401: REFUSED}
        ),
    )
