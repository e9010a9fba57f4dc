"""Is this a good code of this person's? The one place where codes are judged and spent."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from django_otp.models import SideChannelDevice

from jwt_sessions.claims import AMR_ONE_TIME_CODE, AMR_SMS
from jwt_sessions.conf import SMS
from jwt_sessions.exceptions import BadKey, JWTSessionsError
from jwt_sessions.mfa import events
from jwt_sessions.mfa.devices import OwnedDevice, list_devices, load_all
from jwt_sessions.models import FactorAllowance, MessageDevice, SecurityEventKind, session_alias
from jwt_sessions.models.recovery_codes import RECOVERY_CODE, normalize
from jwt_sessions.sessions import Refusal
from jwt_sessions.sessions.locking import take_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from django.http import HttpRequest

    from jwt_sessions.models import Session

logger = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")

MAX_LENGTH: Final = 128  # characters of the longest code of any device
# django-otp's own delay doubles without end. Our allowance does that work; what is left of the
# delay is this many failures' worth, eight seconds.
MAX_STOCK_FAILURES: Final = 4


@dataclass(frozen=True, slots=True)
class Proof:
    """A code that was good, and is spent."""

    device: OwnedDevice

    @property
    def method(self) -> str:
        """By which method."""
        return self.device.method

    @property
    def amr(self) -> tuple[str, ...]:
        """What it adds to `amr`."""
        return amr_of(self.method)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device that a code is of, or may be of."""

    device: OwnedDevice
    accept: Callable[[], bool]


def amr_of(method: str) -> tuple[str, ...]:
    """Return what a code of this method adds to `amr` (RFC 8176 section 2)."""
    return (AMR_SMS,) if method == SMS else (AMR_ONE_TIME_CODE,)


def prove(
    user: Any,
    code: str,
    *,
    method: str | None = None,
    session: Session | None = None,
    request: HttpRequest | None = None,
    then: Callable[[Proof], Outcome | Refusal],
) -> Outcome | Refusal:
    """Judge a code, spend it, and do `then` in the same transaction.

    `session` is the one it is proven in, if any: wrong codes are on record with it. Without
    `method` the code is tried as whatever it looks like. Each try is counted before it is
    judged; nothing is hashed while a lock is held. Where `then` refuses or raises, the code is
    neither spent nor counted. The refusal is returned, not raised, so that what was counted stays
    counted.
    """
    now = timezone.now()
    tried: list[str] = []
    for candidate in _candidates(user, code, method, now, tried):
        try:
            outcome = _spend(user, candidate, then)
        except JWTSessionsError:
            FactorAllowance.objects.give_back(user.pk, candidate.device.method)
            raise
        if outcome is not None:
            if isinstance(outcome, Refusal):
                FactorAllowance.objects.give_back(user.pk, candidate.device.method)
            return outcome
    for factor in tried:
        tell_if_locked(user, factor, session=session, request=request)
    logger.debug("a code of user %s refused, tried as %s", user.pk, tried)
    return Refusal("wrong_code" if tried else "no_such_factor")


def _spend(
    user: Any, candidate: Candidate, then: Callable[[Proof], Outcome | Refusal]
) -> Outcome | Refusal | None:
    """Spend a code and do `then`; return None where the code was none, or somebody was faster."""
    with transaction.atomic(using=session_alias()):
        take_turns(user)
        outcome = then(Proof(candidate.device)) if candidate.accept() else None
        if outcome is None or isinstance(outcome, Refusal):
            # With what a device of others has counted for itself; ours is counted already.
            transaction.set_rollback(True, using=session_alias())
        else:
            FactorAllowance.objects.filter(user_id=user.pk).begin_anew()
    return outcome


def tell_if_locked(
    user: Any, factor: str, *, session: Session | None, request: HttpRequest | None
) -> None:
    """Record, once for each time, that wrong codes have locked a factor."""
    if not FactorAllowance.objects.tell_once(user.pk, factor, now=timezone.now()):
        return
    try:
        kind = SecurityEventKind.TOO_MANY_WRONG_CODES
        events.record(kind, user, session=session, request=request, method=factor)
    except IntegrityError:
        logger.warning("user %s was deleted while wrong codes were tried", user.pk)


def _candidates(
    user: Any, code: str, method: str | None, now: datetime, tried: list[str]
) -> Iterator[Candidate]:
    """Yield the devices that the code is of, one factor after the other; note those in `tried`.

    Raises ``BadKey`` where one cannot be asked and no other takes the code.
    """
    if not 0 < len(code) <= MAX_LENGTH:
        return
    unreadable: BadKey | None = None
    for factor, devices in _by_factor(list_devices(user), code, method).items():
        matching = list(_load(devices, code, now, is_asked=method is not None))
        if not matching:
            continue
        tried.append(factor)
        if FactorAllowance.objects.take(user.pk, factor, now=now):
            is_judged = False
            for device, instance in matching:
                try:
                    found = list(_match(user, device, instance, code, now))
                except BadKey as error:
                    unreadable = error
                    continue
                is_judged = True
                yield from found
            if not is_judged:
                # The site's fault, and no wrong code.
                FactorAllowance.objects.give_back(user.pk, factor)
    if unreadable is not None:
        raise unreadable


def _by_factor(
    devices: Sequence[OwnedDevice], code: str, method: str | None
) -> dict[str, list[OwnedDevice]]:
    is_recovery_code = normalize(code) is not None
    found: dict[str, list[OwnedDevice]] = {}
    for device in devices:
        is_meant = (
            device.method == method
            if method is not None
            else not device.is_ours or is_recovery_code is (device.method == RECOVERY_CODE)
        )
        if is_meant:
            found.setdefault(device.method, []).append(device)
    return found


def _load(
    devices: Sequence[OwnedDevice], code: str, now: datetime, *, is_asked: bool
) -> Iterator[tuple[OwnedDevice, Any]]:
    for device, instance in load_all(devices):
        # Where nobody says what a code is, one that was not sent is none.
        if not is_asked and _waits_for_nothing(instance, now):
            continue
        if device.is_ours or _has_shape(instance, code):
            yield device, instance


def _match(
    user: Any, device: OwnedDevice, instance: Any, code: str, now: datetime
) -> Iterator[Candidate]:
    if not device.is_ours:
        yield Candidate(device, lambda: _accept_stock(user, device, instance, code))
    elif (match := instance.match(code, now=now)) is not None:
        yield Candidate(device, lambda: instance.accept(match, now=now))


def _waits_for_nothing(instance: Any, now: datetime) -> bool:
    if isinstance(instance, MessageDevice):
        return not instance.has_code(now)
    is_sent = isinstance(instance, SideChannelDevice)
    return is_sent and (not instance.token or instance.valid_until <= now)


def _has_shape(instance: Any, code: str) -> bool:
    """Return whether a device of others could take the code: ``int()`` takes more than digits."""
    if not (code.isascii() and code.isprintable()):
        return False
    digits = getattr(instance, "digits", None)
    if digits is not None:
        return len(code) == digits and code.isdigit()
    return code.isdigit() or not _is_number(code)


def _is_number(code: str) -> bool:
    try:
        int(code)
    except ValueError:
        return False
    return True


def _accept_stock(user: Any, device: OwnedDevice, instance: Any, code: str) -> bool:
    """Let django-otp judge and spend a code, one caller at a time.

    An UPDATE first: SQLite has no row locks, and where it reads before it writes it cannot wait.
    """
    row = device.rows().filter(user_id=user.pk, confirmed=True)
    if not row.update(confirmed=True):
        return False
    if hasattr(instance, "throttling_failure_count"):
        many = row.filter(throttling_failure_count__gt=MAX_STOCK_FAILURES)
        many.update(throttling_failure_count=MAX_STOCK_FAILURES)
    # As ``django_otp.verify_token`` does, which knows no ids but whole numbers.
    locked = row.select_for_update().first()
    return locked is not None and bool(locked.verify_token(code))
