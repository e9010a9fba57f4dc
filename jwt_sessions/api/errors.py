"""Errors as ``{"detail": "...", "code": "..."}``, whatever handler the project has."""

from __future__ import annotations

import logging
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, status
from rest_framework.response import Response

from jwt_sessions.http_errors import CodedError, ServiceUnavailable, challenge, is_outage

logger = logging.getLogger(__name__)


class NoActiveAccount(exceptions.AuthenticationFailed):
    """The same answer for a wrong password, an unknown and an inactive user."""

    default_detail = _("No active account found with the given credentials")
    default_code = "no_active_account"


class SessionLimit(exceptions.APIException):
    """The credentials are right, yet the account has as many sessions as the site allows."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("You are signed in on too many devices. Sign out on one of them first.")
    default_code = "session_limit_reached"


class MfaTokenExpired(exceptions.AuthenticationFailed):
    """The pause between password and code is over: sign in anew."""

    default_detail = _("This sign-in took too long, or is complete. Please sign in again.")
    default_code = "mfa_token_expired"


class WrongPassword(CodedError):
    """Who is signed in did not prove it again; their access token is as good as before."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = _("This password is not right.")
    default_code = "invalid_password"

    def __init__(self) -> None:
        super().__init__()
        self.auth_header = challenge()


class NoSuchMethod(exceptions.NotFound):
    """The person has no device of this method, or none that sends."""

    default_detail = _("You have no such method that sends codes.")
    default_code = "no_such_method"


class NoSecondFactor(exceptions.APIException):
    """There is nothing that recovery codes could stand in for."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("Set up a second factor first.")
    default_code = "no_second_factor"


class LastFactor(exceptions.APIException):
    """The person must have a second factor."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("Your account needs a second factor. Add another one before.")
    default_code = "last_factor"


class DeviceLimit(exceptions.APIException):
    """The person has as many devices as anybody may."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("You have too many devices. Remove one of them first.")
    default_code = "device_limit_reached"


class BodyTooLarge(exceptions.ParseError):
    """More than any request of ours needs."""

    default_detail = _("The request body is too large.")


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to `exc`, or None for what is no error of the caller's."""
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, DjangoPermissionDenied):
        exc = exceptions.PermissionDenied()
    elif isinstance(exc, RequestDataTooBig):
        exc = BodyTooLarge()
    elif isinstance(exc, UnreadablePostError):
        exc = exceptions.ParseError(_("The request body broke off."))
    elif isinstance(exc, SuspiciousOperation):
        exc = exceptions.ParseError(_("The request cannot be read."))
    elif is_outage(exc):
        logger.error("a request cannot be answered", exc_info=exc)
        exc = ServiceUnavailable()
    if not isinstance(exc, exceptions.APIException):
        return None
    headers = {}
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(ceil(wait))
    return Response(_body(exc.detail), status=exc.status_code, headers=headers)


def _body(detail: Any) -> Any:
    # Field errors and our own bodies are whole already.
    if isinstance(detail, dict | list):
        return detail
    return {"detail": detail, "code": detail.code}
