"""The HTTP errors that a project's own views share with ours, under any exception handler."""

from __future__ import annotations

from typing import Final

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, AuthenticationFailed, ErrorDetail
from rest_framework.status import HTTP_503_SERVICE_UNAVAILABLE

from jwt_sessions.exceptions import BadKey

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


class ServiceUnavailable(CodedError):
    """503 ``unavailable`` with Retry-After: who cannot be judged is not let in."""

    status_code = HTTP_503_SERVICE_UNAVAILABLE
    default_detail = _("The service is unavailable for the moment. Please try again.")
    default_code = "unavailable"
    wait = 5  # seconds; DRF's own handler makes Retry-After of it
