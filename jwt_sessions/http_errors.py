"""The HTTP errors that a project's own views share with ours, under any exception handler."""

from __future__ import annotations

from typing import Final

from django.db import InterfaceError, InternalError, OperationalError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, AuthenticationFailed, ErrorDetail
from rest_framework.status import HTTP_503_SERVICE_UNAVAILABLE

from jwt_sessions.keys import BadKey

# What keeps us from judging a token: a database that is away, read-only or too busy to give a lock
# in time, keys that cannot be read. Other errors of a database are mistakes of ours, and a 500.
OUTAGES: Final = (OperationalError, InterfaceError, InternalError, BadKey)


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
