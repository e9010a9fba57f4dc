"""Limits on sign-in, codes, messages and refresh, beside whatever throttles the project has.

Who is calling is what ``clients`` says; an account is the name that is typed in, whether it exists
or not.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DataError
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.status import HTTP_401_UNAUTHORIZED, HTTP_403_FORBIDDEN
from rest_framework.throttling import BaseThrottle

from jwt_sessions import clients
from jwt_sessions.conf import conf
from jwt_sessions.counters import find_counter
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.http_errors import ServiceUnavailable
from jwt_sessions.models import Session
from jwt_sessions.tokens import parse_refresh_token

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

    from jwt_sessions.counters import Counter

logger = logging.getLogger(__name__)

# 403 is what REST framework makes of 401 in a view without authentication classes.
FAILED: Final = frozenset({HTTP_401_UNAUTHORIZED, HTTP_403_FORBIDDEN})
UNDER_WAY: Final = 1  # seconds: how soon a sign-in under way will be answered
KNOWN_FOR: Final = timedelta(days=30)
NAME_LENGTH: Final = 254  # an e-mail address at its longest (RFC 5321 section 4.5.3.1.3)
UNSEEN: Final = frozenset({"Mn", "Cf", "Cc"})  # accents, signs without width, control characters


class SettlesThrottles:
    """Mixed into an ``APIView``: tells its throttles what came of the request."""

    throttles: list[Any] = []

    def get_throttles(self) -> list[Any]:
        """Return the throttles of this request."""
        self.throttles = super().get_throttles()  # type: ignore[misc]  # APIView's
        return self.throttles

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer, and tell the throttles, also where an exception or the server's end is all."""
        has_failed = False
        try:
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # APIView's
            has_failed = self.has_failed(response)
            return response
        finally:
            for throttle in self.throttles:
                if isinstance(throttle, SignInThrottle):
                    throttle.settle(has_failed=has_failed)

    def has_failed(self, response: Any) -> bool:
        """Return whether this answer says that somebody is not who they say."""
        return response.status_code in FAILED


class CountingThrottle(BaseThrottle):
    """A throttle that says when to come back."""

    seconds: int | None = None

    def wait(self) -> int | None:
        """Return in how many seconds the next try may be let through."""
        return self.seconds

    def refuse(self, request: HttpRequest, counter: Counter, seconds: int) -> bool:
        """Note when to come back, tell the operator, and return False."""
        self.seconds = seconds
        logger.info("limit %s reached", counter.scope)
        if not conf.NUM_PROXIES and "HTTP_X_FORWARDED_FOR" in request.META:
            logger.warning(
                "A limit was reached by an address that forwards for others, yet NUM_PROXIES is 0: "
                "all callers behind that proxy share one allowance."
            )
        return False


class SignInThrottle(CountingThrottle):
    """``sign_in`` limits failed sign-ins of a caller, ``sign_in_account`` those of an account.

    A sign-in counts from its beginning, so that many at once cannot slip through, and is given back
    unless it fails; for that, mix ``SettlesThrottles`` into the view. A network that an account has
    signed in from has an allowance of its own for that account: strangers cannot use up its
    owner's.
    """

    taken: tuple[Counter, ...] = ()

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether this sign-in may be tried. Raises as ``allow`` does."""
        if request.method in SAFE_METHODS:  # nobody signs in by these
            return True
        return self.allow(_http(request), name=self.name_of(request))

    def allow(self, request: HttpRequest, *, name: str) -> bool:
        """Return whether a sign-in by that name may be tried, in a view of any kind.

        Whoever asks calls ``settle`` in the end. Raises ``ServiceUnavailable`` where the cache
        cannot be asked: else it would be enough to bring it down.
        """
        network, account = clients.network_of(request), _account_called(name)
        try:
            # A caller whose address nobody knows cannot be told from any other.
            full = self.take("sign_in", network) if network else None
            full = full or self.take("sign_in_account", account)
            if full and full.scope == "sign_in_account" and _has_signed_in(name, network):
                full = self.take("sign_in_account", account, network)
            return full is None or self.refuse(request, full, self.how_long(full))
        except Exception as error:
            logger.exception("a sign-in cannot be counted")
            raise ServiceUnavailable from error

    def name_of(self, request: Request) -> str:
        """Return who somebody says they are."""
        return _read(request, get_user_model().USERNAME_FIELD)

    def take(self, scope: str, *who: str) -> Counter | None:
        """Count one more; return the counter if that is too many."""
        counter = find_counter(scope, *who)
        if counter is None:
            return None
        count = counter.increase()
        self.taken += (counter,)
        return counter if count > counter.rate.number else None

    def how_long(self, counter: Counter) -> int:
        """Return in how many seconds there may be room again."""
        is_used_up = counter.failures.current() >= counter.rate.number
        return counter.remaining() if is_used_up else UNDER_WAY

    def settle(self, *, has_failed: bool) -> None:
        """Give back what did not fail."""
        try:
            for counter in self.taken:
                if has_failed:
                    counter.failures.increase()
                else:
                    counter.decrease()
        except Exception:
            logger.exception("the outcome of a sign-in cannot be counted")


class PasswordThrottle(SignInThrottle):
    """The same limits for who is signed in and proves their password again, if that is what comes.

    A code is for ``CodeThrottle`` to count: with somebody's access token and wrong codes nobody
    uses up their tries at a password.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether this password may be tried. Raises as ``allow`` does."""
        is_code = isinstance(request.data, Mapping) and "code" in request.data
        return is_code or super().allow_request(request, view)

    def name_of(self, request: Request) -> str:
        """Return who is signed in."""
        return str(request.user.get_username())


class CodeThrottle(SignInThrottle):
    """``second_factor`` limits the wrong codes of a caller.

    It keeps the server from being busy with them. What keeps an account safe is counted in the
    database, for each person and factor.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether this code may be tried."""
        return self.allow(_http(request), name="")

    def allow(self, request: HttpRequest, *, name: str) -> bool:
        """Return whether this code may be tried; where the cache cannot be asked, it may."""
        network = clients.network_of(request)
        try:
            full = self.take("second_factor", network) if network else None
            return full is None or self.refuse(request, full, self.how_long(full))
        except Exception:
            logger.exception("a code cannot be counted")
            return True


class AddressThrottle(CountingThrottle):
    """``message_address`` limits what is sent to an address that nobody has proven yet.

    How much one person has sent is counted in the database; this is for a stranger whose address
    many accounts name.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether something may be sent; where the cache cannot be asked, it may."""
        return self.allow(_http(request), address=_read(request, "address"))

    def allow(self, request: HttpRequest, *, address: str) -> bool:
        """Return the same in a view of any kind."""
        spelled = re.sub(r"[\s().-]", "", address).casefold()
        counter = find_counter("message_address", spelled) if spelled else None
        try:
            if counter is not None and counter.increase() > counter.rate.number:
                return self.refuse(request, counter, counter.remaining())
        except Exception:
            logger.exception("a message cannot be counted")
        return True


class RefreshThrottle(CountingThrottle):
    """``refresh_session`` limits refreshes of a session, ``refresh`` what else a caller presents.

    No guess can succeed here, so this protects the database only. A good token is never refused for
    what others at the same address present, and where the cache cannot be asked, all may pass.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether this refresh may be tried."""
        counter = _counter_of_refresh(request)
        try:
            if counter is not None and counter.increase() > counter.rate.number:
                return self.refuse(_http(request), counter, counter.remaining())
        except Exception:
            logger.exception("a refresh cannot be counted")
        return True


def _counter_of_refresh(request: Request) -> Counter | None:
    if not any(conf.THROTTLE_RATES[scope] for scope in ("refresh", "refresh_session")):
        return None  # and the token is read once only
    try:
        sid = parse_refresh_token(_read(request, "refresh")).sid
    except InvalidToken:
        return find_counter("refresh", clients.network_of(_http(request)))
    return find_counter("refresh_session", str(sid))


def _has_signed_in(name: str, network: str) -> bool:
    """Return whether somebody of that name has signed in from this network lately."""
    if not network or not name.isprintable():
        return False
    theirs = {f"user__{get_user_model().USERNAME_FIELD}": name}
    since = timezone.now() - KNOWN_FOR
    try:
        lately = Session.objects.filter(**theirs, created_at__gt=since)
        return lately.filter(address_key__startswith=network).exists()
    except (ArithmeticError, DataError, TypeError, ValueError, ValidationError):
        return False  # a name that the field cannot hold


def _http(request: Request) -> HttpRequest:
    return request._request  # noqa: SLF001 - DRF has no public name for it


def _account_called(name: str) -> str:
    """Return one spelling for all that a database may take for the same name.

    Some do not tell capitals, accents or signs without width apart. To take too many for one costs
    nothing but a shared allowance.
    """
    if len(name) > NAME_LENGTH:  # normalizing takes the square of the length
        return name
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(c for c in decomposed if unicodedata.category(c) not in UNSEEN).casefold()


def _read(request: Request, name: str) -> str:
    """Return a field of the body as REST framework's ``CharField`` reads it, or ""."""
    value = request.data.get(name) if isinstance(request.data, Mapping) else None
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value).strip() if is_text else ""
