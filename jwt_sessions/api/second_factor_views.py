"""The second factor at sign-in and inside a session: codes that prove a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import Throttled
from rest_framework.response import Response

from jwt_sessions import mfa
from jwt_sessions.api.errors import MfaTokenExpired, NoSuchMethod, SessionLimit, WrongPassword
from jwt_sessions.api.mfa_serializers import (
    SecondFactorSerializer,
    SendAtSignInSerializer,
    SendSerializer,
    StepUpSerializer,
)
from jwt_sessions.api.views import SessionAPIView
from jwt_sessions.authentication import EnrollmentAuthentication
from jwt_sessions.claims import ACR_TWO_FACTORS
from jwt_sessions.exceptions import (
    NotDelivered,
    ProofNeeded,
    SessionLimitReached,
    TooSoon,
    UserGone,
)
from jwt_sessions.http_errors import (
    InsufficientUserAuthentication,
    InvalidCode,
    ServiceUnavailable,
    TokenNotValid,
)
from jwt_sessions.mfa.pending_logins import OVER
from jwt_sessions.permissions import HasSession
from jwt_sessions.sessions import Refusal
from jwt_sessions.throttling import CodeThrottle, PasswordThrottle

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request


class PendingLoginView(SessionAPIView):
    """What the views between password and code share."""

    own_throttle_classes = (CodeThrottle,)

    def has_failed(self, response: Response) -> bool:
        """Return whether a code was wrong.

        An `mfa_token` that is none cannot be guessed and costs next to nothing. Were it counted, a
        neighbour in the same network could keep others from entering their codes, without a login.
        """
        is_refused = super().has_failed(response)
        return is_refused and response.data["code"] == InvalidCode.default_code


class TokenMFAView(PendingLoginView):
    """Complete a sign-in with a code: starts the session and returns its tokens."""

    def post(self, request: Request) -> Response:
        body = self.read_body(SecondFactorSerializer)
        try:
            outcome = mfa.pending_logins.finish(
                body["mfa_token"],
                body["code"],
                method=body.get("method"),
                request=self.http_request,
            )
        except SessionLimitReached as error:
            raise SessionLimit from error
        except UserGone as error:
            raise MfaTokenExpired from error
        if isinstance(outcome, Refusal):
            raise MfaTokenExpired if outcome.reason in OVER else InvalidCode
        tokens = {"access": outcome.pair.access, "refresh": outcome.pair.refresh}
        return Response(with_remaining(tokens, outcome.recovery_codes_remaining))


class TokenMFASendView(PendingLoginView):
    """Have a code sent to complete a sign-in with."""

    def post(self, request: Request) -> Response:
        body = self.read_body(SendAtSignInSerializer)
        return send(lambda: mfa.pending_logins.send_code(body["mfa_token"], body["method"]))


class StepUpView(SessionAPIView):
    """Prove again that it is you, in the same session: returns a fresh access token."""

    authentication_classes = [EnrollmentAuthentication]
    permission_classes = [HasSession]
    own_throttle_classes = (CodeThrottle, PasswordThrottle)

    def post(self, request: Request) -> Response:
        body = self.read_body(StepUpSerializer)
        session: Any = self.token.session
        if "code" in body:
            outcome = mfa.step_up.by_code(
                session, body["code"], method=body.get("method"), request=self.http_request
            )
            refused: type[Exception] = InvalidCode
        else:
            try:
                outcome = mfa.step_up.by_password(
                    session, body["password"], request=self.http_request
                )
            except ProofNeeded as error:
                raise InsufficientUserAuthentication(acr=ACR_TWO_FACTORS) from error
            refused = WrongPassword
        if isinstance(outcome, Refusal):
            raise TokenNotValid if outcome.reason == "session_revoked" else refused
        access = {"access": outcome.access}
        return Response(with_remaining(access, outcome.recovery_codes_remaining))


class StepUpSendView(SessionAPIView):
    """Have a code sent to prove yourself with inside a session."""

    authentication_classes = [EnrollmentAuthentication]
    permission_classes = [HasSession]
    own_throttle_classes = (CodeThrottle,)

    def post(self, request: Request) -> Response:
        method = self.read_body(SendSerializer)["method"]
        return send(lambda: mfa.messages.send_to(request.user, method))


def with_remaining(answer: dict[str, Any], remaining: int | None) -> dict[str, Any]:
    """Add how many recovery codes are left, if one was used."""
    return answer if remaining is None else {**answer, "recovery_codes_remaining": remaining}


def send(act: Callable[[], Refusal | str | None]) -> Response:
    """Have something sent; too many of them is 429 with Retry-After, a failure 503."""
    outcome = sending(act)
    if isinstance(outcome, Refusal):
        if outcome.reason in OVER:
            raise MfaTokenExpired
        raise NoSuchMethod
    return Response(status=204)


def sending(act: Callable[[], Any]) -> Any:
    """Return what `act` returns. Raises ``Throttled`` and ``ServiceUnavailable``."""
    try:
        return act()
    except TooSoon as error:
        raise Throttled(error.wait) from error
    except NotDelivered as error:
        raise ServiceUnavailable from error
