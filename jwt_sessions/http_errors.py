"""The HTTP errors that a project's own views share with ours, under any exception handler."""

from __future__ import annotations

from typing import Any, Final, cast

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, AuthenticationFailed, ErrorDetail
from rest_framework.status import (
    HTTP_401_UNAUTHORIZED,
    HTTP_403_FORBIDDEN,
    HTTP_503_SERVICE_UNAVAILABLE,
)

from jwt_sessions.conf import conf
from jwt_sessions.exceptions import BadKey

REALM: Final = "api"

# What keeps us from judging a token: a database that is away, damaged, read-only, too busy to give
# a lock in time, or without tables or rights for us; keys that cannot be read.
OUTAGES: Final = (DatabaseError, InterfaceError, BadKey)
# What a database says of the values it is given: a mistake of ours, and a 500.
MISTAKES: Final = (DataError, IntegrityError)


def is_outage(error: Exception) -> bool:
    """Return whether `error` is a reason for ``ServiceUnavailable``."""
    return isinstance(error, OUTAGES) and not isinstance(error, MISTAKES)


class CodedError(APIException):
    """An error whose body names its code, under any exception handler."""

    def __init__(self) -> None:
        super().__init__()
        detail = ErrorDetail(str(self.default_detail), self.default_code)
        self.detail = {"detail": detail, "code": ErrorDetail(self.default_code)}


class TokenNotValid(CodedError, AuthenticationFailed):
    """401 ``token_not_valid``; the reason is logged, not told."""

    default_detail = _("Token is invalid or expired")
    default_code = "token_not_valid"


class BadAuthorizationHeader(CodedError, AuthenticationFailed):
    """401 ``bad_authorization_header``."""

    default_detail = _("Authorization header must contain two space-delimited values")
    default_code = "bad_authorization_header"


class InvalidCode(CodedError):
    """401 ``invalid_code``: wrong, used, or of a factor that is locked; which, is not told."""

    status_code = HTTP_401_UNAUTHORIZED
    default_detail = _("This code is not valid. Please try the next one.")
    default_code = "invalid_code"

    def __init__(self) -> None:
        super().__init__()
        self.auth_header = challenge()


class InsufficientUserAuthentication(CodedError):
    """401 ``insufficient_user_authentication``: what RFC 9470 section 3 calls a step-up.

    Says what is missing in WWW-Authenticate, and in the body for scripts that cannot read headers
    of another origin.
    """

    status_code = HTTP_401_UNAUTHORIZED
    default_detail = _("Please prove that it is you, then try again.")
    default_code = "insufficient_user_authentication"

    def __init__(self, *, acr: str | None = None, max_age: int | None = None) -> None:
        super().__init__()
        missing = {"acr_values": acr, "max_age": max_age}
        values: dict[str, Any] = {
            name: value for name, value in missing.items() if value is not None
        }
        self.detail = {**cast("Any", self.detail), **values}
        # RFC 9470 section 3: acr_values is a list of words, max_age a number of seconds.
        self.auth_header = challenge(self.default_code, **values)


class EnrollmentRequired(CodedError):
    """403 ``mfa_enrollment_required``: a session of who must enroll a second factor first."""

    status_code = HTTP_403_FORBIDDEN
    default_detail = _("Your account needs a second factor. Please set one up first.")
    default_code = "mfa_enrollment_required"


def challenge(error: str | None = None, **values: str | int) -> str:
    """Return a value of WWW-Authenticate (RFC 6750 section 3)."""
    parts: dict[str, Any] = {"realm": REALM, **({"error": error} if error else {}), **values}
    return f"{conf.AUTH_HEADER_TYPES[0]} " + ", ".join(f'{k}="{v}"' for k, v in parts.items())


class ServiceUnavailable(CodedError):
    """503 ``unavailable`` with Retry-After: who cannot be judged is not let in."""

    status_code = HTTP_503_SERVICE_UNAVAILABLE
    default_detail = _("The service is unavailable for the moment. Please try again.")
    default_code = "unavailable"
    wait = 5  # seconds; DRF's own handler makes Retry-After of it
