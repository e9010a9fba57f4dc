"""Sign in, refresh, verify, sign out: simplejwt's four endpoints and logout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAuthenticated
from rest_framework.response import Response

from jwt_sessions import accounts, mfa, sessions
from jwt_sessions.api.errors import NoActiveAccount, SessionLimit
from jwt_sessions.api.serializers import RefreshSerializer, SignInSerializer, VerifySerializer
from jwt_sessions.api.views import SessionAPIView
from jwt_sessions.authentication import JWTSessionAuthentication, read_access_token
from jwt_sessions.exceptions import InvalidToken, SessionLimitReached, UserGone
from jwt_sessions.http_errors import EnrollmentRequired, TokenNotValid, challenge
from jwt_sessions.models import RevokedReason
from jwt_sessions.throttling import RefreshThrottle, SignInThrottle
from jwt_sessions.tokens import parse_refresh_token

if TYPE_CHECKING:
    from rest_framework.request import Request

    from jwt_sessions.sessions import TokenPair


class TokenObtainPairView(SessionAPIView):
    """Sign in with a password: starts a session and returns its access and refresh token."""

    own_throttle_classes = (SignInThrottle,)

    def post(self, request: Request) -> Response:
        body = self.read_body(SignInSerializer)
        username_field = get_user_model().USERNAME_FIELD
        credentials = {name: body[name] for name in (username_field, "password")}
        user = accounts.prove_password(self.http_request, credentials)
        if user is None:
            raise NoActiveAccount
        device_name = body.get("device_name", "")
        try:
            outcome = mfa.sign_in(user, request=self.http_request, device_name=device_name)
        except SessionLimitReached as error:
            raise SessionLimit from error
        except UserGone as error:
            raise NoActiveAccount from error
        if isinstance(outcome, mfa.SecondFactorNeeded):
            return _second_factor_needed(outcome)
        if mfa.is_required(user):
            # The session can do nothing else; EnrollmentRequired says so wherever it is tried.
            return Response({**_pair(outcome), "code": EnrollmentRequired.default_code})
        return Response(_pair(outcome))

    def has_failed(self, response: Response) -> bool:
        """Return whether the password was wrong: who is asked for a code gave the right one."""
        is_asked = getattr(response, "is_second_factor_needed", False)
        return super().has_failed(response) and not is_asked


class TokenRefreshView(SessionAPIView):
    """Swap a refresh token for the next pair; keep the refresh token that comes back.

    Presenting a superseded one later than the grace period ends the session.
    """

    own_throttle_classes = (RefreshThrottle,)

    def post(self, request: Request) -> Response:
        outcome = sessions.refresh(
            self.read_body(RefreshSerializer)["refresh"], request=self.http_request
        )
        if isinstance(outcome, sessions.Refusal):
            raise TokenNotValid
        return Response(_pair(outcome))


class TokenVerifyView(SessionAPIView):
    """Tell whether an access or refresh token works right now."""

    def post(self, request: Request) -> Response:
        try:
            sessions.verify(self.read_body(VerifySerializer)["token"])
        except InvalidToken as error:
            raise TokenNotValid from error
        return Response({})


class TokenBlacklistView(SessionAPIView):
    """Sign out with a refresh token, whichever generation it is: ends its session."""

    def post(self, request: Request) -> Response:
        try:
            token = parse_refresh_token(self.read_body(RefreshSerializer)["refresh"])
        except InvalidToken as error:
            raise TokenNotValid from error
        sessions.revoke(token.sid, reason=RevokedReason.SIGNED_OUT, request=self.http_request)
        return Response({})


class LogoutView(SessionAPIView):
    """Sign out: end the session of the access token presented. Twice is as good as once."""

    def get_authenticate_header(self, request: Request) -> str:
        return JWTSessionAuthentication().authenticate_header(request)

    def post(self, request: Request) -> Response:
        # No authentication class: the session may be over already, and that is no error here.
        token = read_access_token(request)
        if token is None:
            raise NotAuthenticated
        sessions.revoke(token.sid, reason=RevokedReason.SIGNED_OUT, request=self.http_request)
        return Response(status=204)


def _pair(pair: TokenPair) -> dict[str, str]:
    return {"access": pair.access, "refresh": pair.refresh}


def _second_factor_needed(needed: mfa.SecondFactorNeeded) -> Response:
    """Answer 401 without an `error`, so that no client takes it for an expired token."""
    body = {
        "detail": _("The password is right. Now enter a code of your second factor."),
        "code": "mfa_required",
        "mfa_token": needed.mfa_token,
        "methods": needed.methods,
        "expires_in": needed.expires_in,
    }
    response = Response(body, status=401, headers={"WWW-Authenticate": challenge()})
    response.is_second_factor_needed = True  # type: ignore[attr-defined]  # for has_failed
    return response
