"""Limits on sign-in and refresh, beside whatever throttles the project has.

They count in Django's default cache, by whole windows of time. Who is calling is what ``clients``
says; an account is the name that is typed in, whether it exists or not.
"""

from __future__ import annotations

import hashlib
import logging
import time
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core.cache import cache
from rest_framework.status import HTTP_200_OK, HTTP_401_UNAUTHORIZED, HTTP_403_FORBIDDEN
from rest_framework.throttling import BaseThrottle

from jwt_sessions import clients
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.http_errors import ServiceUnavailable
from jwt_sessions.tokens import parse_refresh_token

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response

    from jwt_sessions.conf import Rate

logger = logging.getLogger(__name__)

PREFIX: Final = "jwt_sessions:throttle"
# 403 is what REST framework makes of 401 in a view without authentication classes.
FAILED: Final = frozenset({HTTP_401_UNAUTHORIZED, HTTP_403_FORBIDDEN})
UNDER_WAY: Final = 1  # seconds: how soon a sign-in under way will be answered
KNOWN_FOR: Final = 30 * 86_400  # seconds


class SettlesThrottles:
    """Mixed into an ``APIView``: tells its throttles what came of the request."""

    throttles: list[Any] = []

    def get_throttles(self) -> list[Any]:
        """Return the throttles of this request."""
        self.throttles = super().get_throttles()  # type: ignore[misc]  # APIView's
        return self.throttles

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Let each throttle of ours see the answer."""
        for throttle in self.throttles:
            if isinstance(throttle, OutcomeThrottle):
                throttle.settle(response)
        finalize = super().finalize_response  # type: ignore[misc]  # APIView's
        answer: Response = finalize(request, response, *args, **kwargs)
        return answer


class OutcomeThrottle(BaseThrottle):
    """A throttle that asks what came of a request: mix ``SettlesThrottles`` into the view."""

    seconds: int | None = None

    def wait(self) -> int | None:
        """Return in how many seconds the next try may be let through."""
        return self.seconds

    def settle(self, response: Response) -> None:
        """Take notice of the answer."""
        raise NotImplementedError

    def refuse(self, counter: Counter, seconds: int, request: Request) -> bool:
        """Note when to come back, tell the operator, and return False."""
        self.seconds = seconds
        logger.info("limit %s reached", counter.scope)
        if not conf.NUM_PROXIES and "HTTP_X_FORWARDED_FOR" in request.META:
            logger.warning(
                "A limit was reached by an address that forwards for others, yet NUM_PROXIES is 0: "
                "all callers behind that proxy share one allowance."
            )
        return False


class SignInThrottle(OutcomeThrottle):
    """``sign_in`` limits failed sign-ins of a caller, ``sign_in_account`` those of an account.

    A sign-in counts from its beginning, so that many at once cannot slip through, and is given back
    unless it fails. A network that an account has signed in from has an allowance of its own for
    that account: strangers cannot use up its owner's.
    """

    taken: tuple[Counter, ...] = ()
    known_key = ""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether this sign-in may be tried.

        Raises ``ServiceUnavailable`` where the cache cannot be asked: else it would be enough to
        bring it down.
        """
        account, network = _account_of(request), _network_of(request)
        try:
            return self.take(request, "sign_in", network) and (
                self.take_from_account(request, account, network)
            )
        except Exception as error:
            logger.exception("the cache that counts sign-ins cannot be asked")
            raise ServiceUnavailable from error

    def take_from_account(self, request: Request, account: str, network: str) -> bool:
        """Count one more of the account's, or of its owner's where the network is known."""
        if not conf.THROTTLE_RATES["sign_in_account"]:
            return True
        self.known_key = f"{PREFIX}:known:{_digest(account, network)}"
        owner = network if cache.get(self.known_key) else ""
        return self.take(request, "sign_in_account", account, owner)

    def take(self, request: Request, scope: str, *who: str) -> bool:
        """Count one more; refuse if that is too many."""
        counter = _counter(scope, *who)
        if counter is None:
            return True
        self.taken += (counter,)
        if counter.increase() <= counter.rate.number:
            return True
        is_used_up = counter.failures.current() >= counter.rate.number
        return self.refuse(counter, counter.remaining() if is_used_up else UNDER_WAY, request)

    def settle(self, response: Response) -> None:
        """Give back what did not fail; remember where an account signs in from."""
        try:
            for counter in self.taken:
                if response.status_code in FAILED:
                    counter.failures.increase()
                else:
                    counter.decrease()
            if self.known_key and response.status_code == HTTP_200_OK:
                cache.set(self.known_key, True, KNOWN_FOR)
        except Exception:
            logger.exception("the cache that counts sign-ins cannot be asked")


class RefreshThrottle(OutcomeThrottle):
    """``refresh`` limits failed refreshes of a caller, ``refresh_session`` all of a session.

    No guess can succeed here, so these protect the database only. Where the cache cannot be asked,
    all may pass.
    """

    failures: Counter | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether this refresh may be tried."""
        self.failures = failures = _counter("refresh", _network_of(request))
        of_session = _counter_of_session(request)
        try:
            if failures is not None and failures.current() >= failures.rate.number:
                return self.refuse(failures, failures.remaining(), request)
            if of_session is not None and of_session.increase() > of_session.rate.number:
                return self.refuse(of_session, of_session.remaining(), request)
        except Exception:
            logger.exception("the cache that counts refreshes cannot be asked")
        return True

    def settle(self, response: Response) -> None:
        """Count a failure."""
        if self.failures is not None and response.status_code in FAILED:
            with suppress(Exception):  # it was logged on the way in
                self.failures.increase()


class Counter:
    """How often something happened within the present window of a rate."""

    def __init__(self, rate: Rate, scope: str, *who: str) -> None:
        self.rate, self.scope, self.who = rate, scope, _digest(*who)
        self.window = int(time.time()) // rate.seconds

    @property
    def key(self) -> str:
        """Where the cache keeps it."""
        return f"{PREFIX}:{self.scope}:{self.window}:{self.who}"

    @property
    def failures(self) -> Counter:
        """The counter of those that have failed, where this one counts those under way too."""
        failures = copy(self)
        failures.scope = f"{self.scope}:failed"
        return failures

    def current(self) -> int:
        """Return the count."""
        count: int = cache.get(self.key, 0)
        return count

    def increase(self) -> int:
        """Add one and return the count, in one step where the cache can."""
        cache.add(self.key, 0, self.rate.seconds)
        try:
            return cache.incr(self.key)
        except ValueError:  # gone at once: full, or a cache that keeps nothing
            return 1

    def decrease(self) -> None:
        """Take one back."""
        with suppress(ValueError):  # gone
            cache.decr(self.key)

    def remaining(self) -> int:
        """Return how many seconds are left of the window."""
        return (self.window + 1) * self.rate.seconds - int(time.time())


def _counter(scope: str, *who: str) -> Counter | None:
    """Return the counter of a scope, or None where it has no limit."""
    rate = conf.THROTTLE_RATES[scope]
    return None if rate is None else Counter(rate, scope, *who)


def _counter_of_session(request: Request) -> Counter | None:
    """Return the counter of the session; a forged token must not use up another's allowance."""
    if not conf.THROTTLE_RATES["refresh_session"]:
        return None
    try:
        sid = parse_refresh_token(_read(request, "refresh")).sid
    except InvalidToken:
        return None
    return _counter("refresh_session", str(sid))


def _network_of(request: Request) -> str:
    return clients.network_of(request._request)  # noqa: SLF001 - DRF has no public name for it


def _account_of(request: Request) -> str:
    name = _read(request, get_user_model().USERNAME_FIELD)
    return unicodedata.normalize("NFKC", name).casefold()


def _read(request: Request, name: str) -> str:
    value = request.data.get(name) if isinstance(request.data, Mapping) else None
    return value if isinstance(value, str) else ""


def _digest(*words: str) -> str:
    """Return what stands for personal data, and fits into any cache's key."""
    text = "\0".join(words).encode("utf-8", "replace")
    return hashlib.sha256(text).hexdigest()[:32]
