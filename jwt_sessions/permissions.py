"""What a caller must have proven.

What was proven before is judged by the claims of the token presented, never by the row of its
session: a proof must not open anything to an older access token that was stolen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission

from jwt_sessions.claims import ACR_TWO_FACTORS
from jwt_sessions.conf import conf
from jwt_sessions.http_errors import (
    OUTAGES,
    InsufficientUserAuthentication,
    InvalidCode,
    ServiceUnavailable,
    is_outage,
)
from jwt_sessions.mfa import policy
from jwt_sessions.mfa.devices import has_second_factor
from jwt_sessions.mfa.proving import prove
from jwt_sessions.mfa.recovery_codes import tell_of_use
from jwt_sessions.sessions import Refusal
from jwt_sessions.tokens import SessionAccessToken

if TYPE_CHECKING:
    from datetime import timedelta

    from rest_framework.request import Request

CODE_HEADER = "X-OTP-Code"


class HasSession(BasePermission):
    """Let in who presented an access token of ours; anybody else gets 401.

    ``force_authenticate`` in a test and other authentication classes leave no session behind, so
    they get 401 too.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True or raise ``NotAuthenticated``."""
        read_token(request)
        return True


class StepUpPermission(BasePermission):
    """What may take a step-up: two factors, or a proof that is not older than some time."""

    acr: ClassVar[str | None] = None
    max_age: ClassVar[timedelta | None] = None

    @classmethod
    def within(cls, max_age: timedelta) -> type[StepUpPermission]:
        """Return this permission for a proof that is at most so old."""
        return type(cls.__name__, (cls,), {"max_age": max_age})

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True or raise ``InsufficientUserAuthentication``, which says what is missing."""
        token = read_token(request)
        acr, max_age = self.asked_of(token), self.get_max_age()
        seconds = None if max_age is None else math.floor(max_age.total_seconds())
        is_old = seconds is not None and _age(token) > seconds
        if is_old or (acr is not None and not policy.is_proven(token)):
            raise InsufficientUserAuthentication(acr=acr, max_age=seconds)
        return True

    def asked_of(self, token: SessionAccessToken) -> str | None:
        """Return the `acr` that the bearer of this token needs, if any."""
        return self.acr

    def get_max_age(self) -> timedelta | None:
        """Return how old the proof may be; None: any age."""
        return self.max_age


class HasSecondFactor(StepUpPermission):
    """Let in who has proven two factors in this session; ``within`` asks for a recent proof."""

    acr = ACR_TWO_FACTORS


class HasRecentLogin(StepUpPermission):
    """Let in who has proven themselves within RECENT_LOGIN_MAX_AGE, or ``within`` another time."""

    def get_max_age(self) -> timedelta | None:
        """Return how old the proof may be."""
        return conf.RECENT_LOGIN_MAX_AGE if self.max_age is None else self.max_age


class HasProvenAllFactors(HasRecentLogin):
    """``HasRecentLogin``, with both factors for who has two: for changes to these. One query."""

    def asked_of(self, token: SessionAccessToken) -> str | None:
        """Return two factors, where the password alone is not all that there is to prove."""
        if policy.is_proven(token) or token.session is None:
            return None
        return ACR_TWO_FACTORS if has_second_factor(token.session.user) else None


class HasCode(BasePermission):
    """Let in who sends a good code in the header ``X-OTP-Code``, with each request a new one.

    It is judged and spent in a transaction of its own, which the request's must not undo: under
    ATOMIC_REQUESTS wrap the view in ``jwt_sessions.autocommit.in_autocommit``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True or raise ``InsufficientUserAuthentication`` or ``InvalidCode``."""
        token = read_token(request)
        if token.has_proven_code:  # a page that asks for its forms' permissions asks again
            return True
        code = request.headers.get(CODE_HEADER, "")
        if not code:
            raise InsufficientUserAuthentication(acr=ACR_TWO_FACTORS, max_age=0)
        _refuse_transaction()
        http_request, session = request._request, token.session  # noqa: SLF001 - DRF's has no other name

        def accept(proof: Any) -> bool:
            tell_of_use(request.user, proof, session=session, request=http_request)
            return True

        try:
            outcome = prove(request.user, code, session=session, request=http_request, then=accept)
        except OUTAGES as error:
            if not is_outage(error):
                raise
            raise ServiceUnavailable from error
        if isinstance(outcome, Refusal):
            raise InvalidCode
        token.has_proven_code = True
        return True


def read_token(request: Request) -> SessionAccessToken:
    """Return the access token of ours that was presented. Raises ``NotAuthenticated``."""
    if not isinstance(request.auth, SessionAccessToken) or not request.auth.is_accepted:
        raise NotAuthenticated
    return request.auth


def _age(token: SessionAccessToken) -> float:
    auth_time = token.get("auth_time")
    is_number = isinstance(auth_time, int | float) and not isinstance(auth_time, bool)
    return timezone.now().timestamp() - auth_time if is_number else math.inf


def _refuse_transaction() -> None:
    for connection in connections.all(initialized_only=True):
        # The transaction that Django's TestCase wraps a test in is not the request's.
        atomics: list[Any] = connection.atomic_blocks
        is_within = not all(atomic._from_testcase for atomic in atomics)  # noqa: SLF001
        if connection.settings_dict["ATOMIC_REQUESTS"] and is_within:
            raise ImproperlyConfigured(
                "HasCode is asked within the request's transaction, which would forget wrong codes."
                " Wrap the view in jwt_sessions.autocommit.in_autocommit."
            )
