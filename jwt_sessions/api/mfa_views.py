"""The caller's own second factor: what there is, adding, naming, removing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ParseError, ValidationError
from rest_framework.response import Response

from jwt_sessions import mfa
from jwt_sessions.api.errors import DeviceLimit, LastFactor, NoSecondFactor
from jwt_sessions.api.mfa_serializers import (
    BeginMessageSerializer,
    BeginTOTPSerializer,
    ConfirmSerializer,
    DeviceSerializer,
    RenameDeviceSerializer,
    StateSerializer,
    TOTPEnrollmentSerializer,
)
from jwt_sessions.api.second_factor_views import sending
from jwt_sessions.api.session_views import OwnSessionsView
from jwt_sessions.authentication import EnrollmentAuthentication
from jwt_sessions.claims import ACR_TWO_FACTORS
from jwt_sessions.conf import TOTP, conf
from jwt_sessions.exceptions import FactorNeeded, ProofNeeded, TooManyDevices, UserGone
from jwt_sessions.http_errors import InsufficientUserAuthentication, InvalidCode, TokenNotValid
from jwt_sessions.mfa import changing, enrollment, policy
from jwt_sessions.models import EncryptedTOTP, FactorDevice, MessageDevice
from jwt_sessions.permissions import HasProvenAllFactors, HasSession
from jwt_sessions.sessions import Refusal
from jwt_sessions.throttling import AddressThrottle, CodeThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request


# How the refusals of ``enrollment.confirm`` are answered.
REFUSED: Final[dict[str, type[Exception]]] = {
    "device_unknown": NotFound,
    "wrong_code": InvalidCode,
    "session_revoked": TokenNotValid,
}


class OwnFactorView(OwnSessionsView):
    """What the views of this module share: also who must enroll first comes in."""

    authentication_classes = [EnrollmentAuthentication]

    def handle_exception(self, exc: Exception) -> Response:
        """Answer; who was deleted meanwhile has no session any more."""
        return super().handle_exception(TokenNotValid() if isinstance(exc, UserGone) else exc)


class ChangingFactorView(OwnFactorView):
    """A view that asks for a recent login, by both factors for who has two."""

    permission_classes = [HasSession, HasProvenAllFactors]


class MFAView(OwnFactorView):
    """Whether you have a second factor, and which devices."""

    def get(self, request: Request) -> Response:
        devices = mfa.list_devices(self.user)
        state = {
            "enabled": any(device.is_factor for device in devices),
            "required": mfa.is_required(self.user),
            "devices": [device for device in devices if device.is_factor],
            "recovery_codes_remaining": mfa.recovery_codes.remaining(self.user),
        }
        return Response(StateSerializer(state).data)


class TOTPView(ChangingFactorView):
    """Begin to add an authenticator app. It counts once it is confirmed."""

    def post(self, request: Request) -> Response:
        if request.data is None:
            raise ParseError(_("The body is no JSON object."))
        name = self.read_body(BeginTOTPSerializer).get("name", "")
        if TOTP not in conf.MFA_METHODS:
            raise ValidationError({"name": [_("This is not offered here.")]})
        try:
            begun = enrollment.begin_totp(self.user, name=name)
        except TooManyDevices as error:
            raise DeviceLimit from error
        return Response(TOTPEnrollmentSerializer(begun).data, status=201)


class MessageView(ChangingFactorView):
    """Begin to add an e-mail address or telephone number: sends a first code there."""

    own_throttle_classes = (AddressThrottle,)

    def post(self, request: Request) -> Response:
        body = self.read_body(BeginMessageSerializer)
        try:
            device_id = sending(lambda: enrollment.begin_message(self.user, **body))
        except TooManyDevices as error:
            raise DeviceLimit from error
        return Response({"id": device_id}, status=201)


class ConfirmView(OwnFactorView):
    """Let a device count, by a first code of its own. The recovery codes are shown this once."""

    model: type[FactorDevice]
    own_throttle_classes = (CodeThrottle,)

    def post(self, request: Request, device_id: str) -> Response:
        session: Any = self.token.session
        try:
            outcome = enrollment.confirm(
                self.model,
                device_id,
                self.read_body(ConfirmSerializer)["code"],
                session=session,
                is_proven=policy.is_proven(self.token),
                request=self.http_request,
            )
        except ProofNeeded as error:
            raise InsufficientUserAuthentication(acr=ACR_TWO_FACTORS) from error
        if isinstance(outcome, Refusal):
            raise REFUSED[outcome.reason]
        return Response(
            {
                "recovery_codes": outcome.recovery_codes,
                "access": outcome.access,
                "other_sessions": outcome.other_sessions,
            }
        )


class TOTPConfirmView(ConfirmView):
    """Let an authenticator app count."""

    model = EncryptedTOTP


class MessageConfirmView(ConfirmView):
    """Let an address count; the one before of the same channel goes."""

    model = MessageDevice


class DeviceView(ChangingFactorView):
    """One of your devices; another's is as unknown as one that never was."""

    def get_permissions(self) -> list[Any]:
        classes = [HasSession] if self.request.method == "PATCH" else self.permission_classes
        return [permission() for permission in classes]

    def patch(self, request: Request, device_id: str) -> Response:
        """Rename it."""
        name = self.read_body(RenameDeviceSerializer)["name"]
        device = changing.rename(self.user, device_id, name=name)
        if device is None:
            raise NotFound
        return Response(DeviceSerializer(device).data)

    def delete(self, request: Request, device_id: str) -> Response:
        """Remove it. With the last one the recovery codes go too."""
        try:
            is_removed = changing.remove(
                self.user, device_id, session=self.token.session, request=self.http_request
            )
        except FactorNeeded as error:
            raise LastFactor from error
        if not is_removed:
            raise NotFound
        return Response(status=204)


class RecoveryCodesView(ChangingFactorView):
    """Make new recovery codes, shown this once; the old ones work no more."""

    def post(self, request: Request) -> Response:
        try:
            codes = mfa.recovery_codes.renew(
                self.user, session=self.token.session, request=self.http_request
            )
        except FactorNeeded as error:
            raise NoSecondFactor from error
        return Response({"recovery_codes": codes})
