"""What drf-spectacular is told about us: loaded only where it is installed."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers

from jwt_sessions.api import mfa_serializers as mfa
from jwt_sessions.api import serializers as ours
from jwt_sessions.authentication import (
    DatabaseJWTSessionAuthentication,
    EnrollmentAuthentication,
    JWTSessionAuthentication,
)
from jwt_sessions.conf import conf


class ErrorSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()
    code = serializers.CharField()


class InsufficientSerializer(ErrorSerializer):
    acr_values = serializers.CharField(required=False)
    max_age = serializers.IntegerField(required=False)


@extend_schema_serializer(component_name="Rename")
class WholeRenameSerializer(ours.RenameSerializer):
    # drf-spectacular takes whatever a PATCH carries for optional; a name is all that ours carries.
    @property
    def partial(self) -> bool:
        return False

    @partial.setter
    def partial(self, value: bool) -> None:
        pass


@extend_schema_serializer(component_name="RenameDevice")
class WholeRenameDeviceSerializer(mfa.RenameDeviceSerializer):
    partial = WholeRenameSerializer.partial


class SignInAnswerSerializer(ours.TokenPairSerializer):
    code = serializers.CharField(
        required=False, help_text="`mfa_enrollment_required`: this session can do nothing else."
    )


NO_CONTENT: Final = OpenApiResponse(description="Done.")
EMPTY: Final = OpenApiResponse({"type": "object"}, description="Done.")


def error(description: str) -> OpenApiResponse:
    """Return an answer of our common form."""
    return OpenApiResponse(ErrorSerializer, description=description)


# What any of our endpoints may answer. 405 is missing: OpenAPI has no place for the methods that a
# path does not have.
ERRORS: Final = {
    400: OpenApiResponse(
        {"type": "object", "additionalProperties": {}},
        description="The request cannot be read (`detail`, `code`), or errors for each field.",
    ),
    401: error("Refused; `code` says how."),
    406: error("JSON only."),
    429: error("Too many requests (`throttled`)."),
    503: error("Nobody can be let in just now (`unavailable`). Try again with the same tokens."),
}
BODY_ERRORS: Final = {415: error("JSON only.")}
UNKNOWN_SESSION: Final = {404: error("No such session of yours.")}
TOO_MANY_SESSIONS: Final = {409: error("Signed in on too many devices (`session_limit_reached`).")}
UNKNOWN_CURSOR: Final = {404: error("A cursor that cannot be read.")}

UNKNOWN_METHOD: Final = {404: error("You have no such method that sends codes.")}
UNKNOWN_DEVICE: Final = {404: error("No such device of yours.")}
TOO_MANY_DEVICES: Final = {409: error("You have too many devices (`device_limit_reached`).")}
LAST_FACTOR: Final = {409: error("Your account needs a second factor (`last_factor`).")}
NO_FACTOR: Final = {409: error("Set up a second factor first (`no_second_factor`).")}
SECOND_FACTOR_NEEDED: Final = OpenApiResponse(
    PolymorphicProxySerializer(
        "SignInRefused", [mfa.SecondFactorNeededSerializer, ErrorSerializer], None
    ),
    description="Refused, or the second factor is still to come (`mfa_required`).",
)
INSUFFICIENT: Final = OpenApiResponse(
    InsufficientSerializer,
    description="Refused; `insufficient_user_authentication` says what is to be proven.",
)

DEVICE_ID: Final = OpenApiParameter("device_id", OpenApiTypes.STR, OpenApiParameter.PATH)
SID: Final = OpenApiParameter("sid", OpenApiTypes.UUID, OpenApiParameter.PATH)
HEADERS: Final = [
    OpenApiParameter(
        "Cache-Control",
        location=OpenApiParameter.HEADER,
        enum=["no-store"],
        required=True,
        response=True,
    ),
    OpenApiParameter(
        "WWW-Authenticate", location=OpenApiParameter.HEADER, required=True, response=[401]
    ),
    OpenApiParameter(
        "Retry-After",
        OpenApiTypes.INT,
        OpenApiParameter.HEADER,
        description="In seconds.",
        response=[429, 503],
    ),
]


# One scheme for all: whoever has a session may enter what one that must enroll first may.
for _class in (
    JWTSessionAuthentication,
    DatabaseJWTSessionAuthentication,
    EnrollmentAuthentication,
):
    set_override(_class, "suppress_collision_warning", True)


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "jwt_sessions.authentication.JWTSessionAuthentication"
    match_subclasses = True
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> Any:
        return build_bearer_security_scheme_object(
            header_name=conf.AUTH_HEADER_NAME,
            token_prefix=conf.AUTH_HEADER_TYPES[0],
            bearer_format="JWT",
        )


def operation(success: dict[int, Any], *, request: Any = None, **options: Any) -> Any:
    """Say what goes into a method and comes out of it; the errors of all are added."""
    responses = ERRORS | success | (BODY_ERRORS if request else {})
    parameters = [*options.pop("parameters", []), *HEADERS]
    return extend_schema(request=request, responses=responses, parameters=parameters, **options)


def describe(target: str, **methods: Any) -> None:
    """Say for each method of a view what goes in and what comes out."""

    class Extension(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = target

        def view_replacement(self) -> Any:
            return extend_schema_view(**methods)(type(self.target.__name__, (self.target,), {}))


describe(
    "jwt_sessions.api.token_views.TokenObtainPairView",
    post=operation(
        {200: SignInAnswerSerializer, 401: SECOND_FACTOR_NEEDED, **TOO_MANY_SESSIONS},
        request=ours.SignInSerializer,
    ),
)
describe(
    "jwt_sessions.api.token_views.TokenRefreshView",
    post=operation({200: ours.TokenPairSerializer}, request=ours.RefreshSerializer),
)
describe(
    "jwt_sessions.api.token_views.TokenVerifyView",
    post=operation({200: EMPTY}, request=ours.VerifySerializer),
)
describe(
    "jwt_sessions.api.token_views.TokenBlacklistView",
    post=operation({200: EMPTY}, request=ours.RefreshSerializer),
)
describe(
    "jwt_sessions.api.token_views.LogoutView",
    post=operation({204: NO_CONTENT}, auth=[{SessionScheme.name: []}]),
)
describe(
    "jwt_sessions.api.session_views.SessionListView",
    get=operation({200: ours.SessionSerializer(many=True), **UNKNOWN_CURSOR}),
)
describe(
    "jwt_sessions.api.session_views.SessionDetailView",
    patch=operation(
        {200: ours.SessionSerializer, **UNKNOWN_SESSION},
        request=WholeRenameSerializer,
        parameters=[SID],
    ),
    delete=operation({204: NO_CONTENT, **UNKNOWN_SESSION}, parameters=[SID]),
)
for _view in ("RevokeOtherSessionsView", "RevokeAllSessionsView"):
    describe(
        f"jwt_sessions.api.session_views.{_view}",
        post=operation({200: ours.RevokedCountSerializer}),
    )
describe(
    "jwt_sessions.api.second_factor_views.TokenMFAView",
    post=operation(
        {200: mfa.SignedInSerializer, **TOO_MANY_SESSIONS}, request=mfa.SecondFactorSerializer
    ),
)
describe(
    "jwt_sessions.api.second_factor_views.TokenMFASendView",
    post=operation({204: NO_CONTENT, **UNKNOWN_METHOD}, request=mfa.SendAtSignInSerializer),
)
describe(
    "jwt_sessions.api.second_factor_views.StepUpView",
    post=operation({200: mfa.AccessSerializer, 401: INSUFFICIENT}, request=mfa.StepUpSerializer),
)
describe(
    "jwt_sessions.api.second_factor_views.StepUpSendView",
    post=operation({204: NO_CONTENT, **UNKNOWN_METHOD}, request=mfa.SendSerializer),
)
describe("jwt_sessions.api.mfa_views.MFAView", get=operation({200: mfa.StateSerializer}))
describe(
    "jwt_sessions.api.mfa_views.TOTPView",
    post=operation(
        {201: mfa.TOTPEnrollmentSerializer, 401: INSUFFICIENT, **TOO_MANY_DEVICES},
        request=mfa.BeginTOTPSerializer,
    ),
)
describe(
    "jwt_sessions.api.mfa_views.MessageView",
    post=operation(
        {201: mfa.EnrollmentSerializer, 401: INSUFFICIENT, **TOO_MANY_DEVICES},
        request=mfa.BeginMessageSerializer,
    ),
)
for _view in ("TOTPConfirmView", "MessageConfirmView"):
    describe(
        f"jwt_sessions.api.mfa_views.{_view}",
        post=operation(
            {200: mfa.ConfirmedSerializer, 401: INSUFFICIENT, **UNKNOWN_DEVICE},
            request=mfa.ConfirmSerializer,
            parameters=[DEVICE_ID],
        ),
    )
describe(
    "jwt_sessions.api.mfa_views.DeviceView",
    patch=operation(
        {200: mfa.DeviceSerializer, **UNKNOWN_DEVICE},
        request=WholeRenameDeviceSerializer,
        parameters=[DEVICE_ID],
    ),
    delete=operation(
        {204: NO_CONTENT, 401: INSUFFICIENT, **UNKNOWN_DEVICE, **LAST_FACTOR},
        parameters=[DEVICE_ID],
    ),
)
describe(
    "jwt_sessions.api.mfa_views.RecoveryCodesView",
    post=operation({200: mfa.RecoveryCodesSerializer, 401: INSUFFICIENT, **NO_FACTOR}),
)
