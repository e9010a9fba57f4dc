"""Who is calling? Authentication classes for Django REST framework."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rest_framework.authentication import BaseAuthentication

from jwt_sessions.claims import ACR_TWO_FACTORS
from jwt_sessions.conf import conf, until_settings_change
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.http_errors import (
    OUTAGES,
    BadAuthorizationHeader,
    EnrollmentRequired,
    InsufficientUserAuthentication,
    ServiceUnavailable,
    TokenNotValid,
    challenge,
)
from jwt_sessions.mfa import policy
from jwt_sessions.mfa.devices import has_second_factor
from jwt_sessions.revocation import LazyUser, attach_live_session, is_revoked, known_from
from jwt_sessions.tokens import parse_access_token

if TYPE_CHECKING:
    from rest_framework.request import Request

    from jwt_sessions.models import Session
    from jwt_sessions.tokens import SessionAccessToken

logger = logging.getLogger(__name__)


class JWTSessionAuthentication(BaseAuthentication):
    """Take an access token whose session lives: one query for the session and its user.

    ``request.user`` is the user, ``request.auth`` the ``SessionAccessToken``. With REVOCATION_CHECK
    "cached" there is no query until the user, or the token's session, is touched.
    """

    # Whether a person who must enroll a second factor first may come in.
    admits_enrollment = False
    # Whether the database is asked whatever REVOCATION_CHECK says.
    asks_database = False

    def authenticate(self, request: Request) -> tuple[Any, SessionAccessToken] | None:
        """Return the user and the token, or None where no token is presented.

        Raises ``TokenNotValid`` and ``BadAuthorizationHeader``, both 401, and
        ``ServiceUnavailable``, 503, where the database or the keys cannot be read.
        """
        try:
            token = read_access_token(request)
            if token is None:
                return None
            is_dead = None if self.asks_database else is_revoked(token.sid)
        except OUTAGES as error:
            logger.exception("an access token cannot be judged")
            raise ServiceUnavailable from error
        if is_dead:
            raise _refusal(token, "session_revoked")
        user = read_session(token).user if is_dead is None else _let_be_found(token)
        if not self.admits_enrollment:
            self.ask_for_second_factor(token)
        return user, token

    def ask_for_second_factor(self, token: SessionAccessToken) -> None:
        """Keep out who must have a second factor and has not proven one in this session.

        Raises ``InsufficientUserAuthentication``, or ``EnrollmentRequired`` for who has none.
        """
        if conf.MFA_REQUIRED is None or policy.is_proven(token):
            return
        user = cast("Session", token.session).user
        if policy.is_required(user):
            if has_second_factor(user):
                raise InsufficientUserAuthentication(acr=ACR_TWO_FACTORS)
            raise EnrollmentRequired

    def authenticate_header(self, request: Request) -> str:
        """Return the value of WWW-Authenticate, with the error that RFC 6750 section 3.1 names."""
        try:
            error = "invalid_token" if read_header(request) else None
        except BadAuthorizationHeader:
            error = "invalid_request"
        return challenge(error)


class DatabaseJWTSessionAuthentication(JWTSessionAuthentication):
    """The same, and ask the database whatever REVOCATION_CHECK says: for what is most precious."""

    asks_database = True


class EnrollmentAuthentication(DatabaseJWTSessionAuthentication):
    """The same, and let in who must enroll a second factor first: for the views to do so by."""

    admits_enrollment = True


def read_session(token: SessionAccessToken) -> Session:
    """Return the session of a token, with its user, if it lives. One query.

    Raises ``TokenNotValid`` and ``ServiceUnavailable``.
    """
    try:
        reason = attach_live_session(token)
    except OUTAGES as error:
        logger.exception("an access token cannot be judged")
        raise ServiceUnavailable from error
    if reason is not None:
        raise _refusal(token, reason)
    return cast("Session", token.session)


def _let_be_found(token: SessionAccessToken) -> LazyUser:
    """Return the user of a session that is known to live, both of them still to be read."""
    try:
        known = known_from(token["sub"])
    except ValueError as error:
        raise _refusal(token, "wrong_subject") from error
    token.accept(partial(read_session, token))
    return LazyUser(lambda: cast("Session", token.session).user, **known)


def _refusal(token: SessionAccessToken, reason: str) -> TokenNotValid:
    logger.debug("access token %s refused: %s", token["jti"], reason)
    return TokenNotValid()


def read_access_token(request: Request) -> SessionAccessToken | None:
    """Return the good access token presented, or None; nobody has asked yet if its session lives.

    Raises ``TokenNotValid`` and ``BadAuthorizationHeader``.
    """
    text = read_header(request)
    try:
        return None if text is None else parse_access_token(text)
    except InvalidToken as error:
        raise TokenNotValid from error


def read_header(request: Request) -> str | None:
    """Return the text of the token presented, or None where the header is not for us.

    The scheme is compared without regard to case (RFC 9110 section 11.1). Two headers reach us
    joined by a comma, which no token contains.
    """
    header = request.META.get(conf.AUTH_HEADER_NAME, "")
    scheme, _, credentials = header.strip(" \t").partition(" ")
    if scheme.lower() not in _schemes():
        return None
    credentials = credentials.strip(" \t")
    if not credentials or " " in credentials:
        raise BadAuthorizationHeader
    return str(credentials)


@until_settings_change
def _schemes() -> frozenset[str]:
    return frozenset(name.lower() for name in conf.AUTH_HEADER_TYPES)
