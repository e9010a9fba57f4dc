"""Adding devices. Nothing counts as a factor before a code has proven it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import transaction
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.claims import add_factor
from jwt_sessions.exceptions import BadKey, ProofNeeded, TooManyDevices
from jwt_sessions.mfa import events, recovery_codes
from jwt_sessions.mfa.devices import (
    clean_name,
    has_second_factor,
    list_devices,
)
from jwt_sessions.mfa.proving import amr_of, tell_if_locked
from jwt_sessions.mfa.qr import group_secret, otpauth_uri, qr_svg
from jwt_sessions.mfa.turns import in_turn
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    FactorDevice,
    MessageDevice,
    RecoveryCode,
    SecurityEventKind,
    Session,
    session_alias,
)
from jwt_sessions.models.message_device import mask
from jwt_sessions.sessions import Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest


DeviceT = TypeVar("DeviceT", bound=FactorDevice)

MAX_DEVICES: Final = 10
# A QR code has room for 2,331 bytes, and a character may take 12.
ACCOUNT_NAME_LENGTH: Final = 100
# How long a secret that nobody has confirmed waits.
ENROLLMENT_LIFETIME: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TOTPEnrollment:
    """A secret to put into an authenticator app, in three ways. It counts once it is confirmed."""

    device_id: str
    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    qr_svg: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A device that counts from now on.

    `recovery_codes` are shown this once; there are none for who has some already. `access` is a
    fresh token of the session, which has proven a second factor by this; "" for a browser session.
    """

    recovery_codes: list[str] = field(repr=False)
    access: str = field(repr=False)
    other_sessions: int


def begin_totp(user: Any, *, name: str = "") -> TOTPEnrollment:
    """Make a secret for an authenticator app; one that nobody confirmed makes room for it.

    Raises ``TooManyDevices`` and ``UserGone``.
    """
    with in_turn(user):
        EncryptedTOTP.objects.filter(user_id=user.pk, confirmed=False).delete()
        _check_room(user)
        device = EncryptedTOTP.make(user_id=user.pk, name=clean_name(name))
    return _show(device, user)


def find_totp(user: Any) -> TOTPEnrollment | None:
    """Return the authenticator app that was begun and waits for its first code, if any."""
    waiting = _waiting(EncryptedTOTP, user).last()
    return None if waiting is None else _show(waiting, user)


def begin_message(user: Any, *, channel: str, address: str, name: str = "") -> str:
    """Send a code to an address that is to become a factor; return the device's id.

    Without a name it is called by its address, masked. To begin again sends again. Raises
    ``TooManyDevices``, ``UserGone``, ``TooSoon`` and ``NotDelivered``; too soon, what was begun
    before waits on.
    """
    name = clean_name(name) or clean_name(mask(address))
    values = {"address": address, "name": name, "created_at": timezone.now()}
    values |= {"hashed_code": "", "code_expires_at": None}
    with in_turn(user):
        # An UPDATE first: SQLite cannot wait for its turn after a read.
        waiting = {"user_id": user.pk, "channel": channel, "confirmed": False}
        if not MessageDevice.objects.filter(**waiting).update(**values):
            MessageDevice.objects.create(**waiting, **values)
        _check_room(user)
        device = MessageDevice.objects.get(**waiting)
        device.take_message()
    device.deliver_new_code()
    return device_id(device)


def find_message(user: Any, channel: str) -> MessageDevice | None:
    """Return the address that was begun and waits for its first code, if any."""
    return _waiting(MessageDevice, user).filter(channel=channel).first()


def confirm(
    model: type[FactorDevice],
    enrollment_id: str,
    code: str,
    *,
    session: Session,
    is_proven: bool,
    request: HttpRequest | None = None,
) -> Confirmed | Refusal:
    """Let a device count, by a first code of its own.

    `is_proven` says whether the caller has proven a second factor; without that, who has one gets
    no other (raises ``ProofNeeded``). Refuses ``device_unknown``, ``wrong_code`` and
    ``session_revoked``.
    """
    user, now = session.user, timezone.now()
    device = _find_unconfirmed(model, user, enrollment_id)
    if device is None:
        return Refusal("device_unknown")
    match = _judge(device, code, now)
    if match is None:
        tell_if_locked(user, device.factor, session=session, request=request)
        return Refusal("wrong_code")
    has_codes = RecoveryCode.objects.left_to(device.user_id)
    new_codes = None if has_codes else recovery_codes.NewCodes.make()
    with in_turn(user):
        if not device.accept(match, now=now):
            return Refusal("wrong_code")
        if not is_proven and has_second_factor(user):
            raise ProofNeeded
        outcome = _admit(device, new_codes, session=session, request=request)
        if isinstance(outcome, Refusal):
            transaction.set_rollback(True, using=session_alias())
    return outcome


def _judge(device: FactorDevice, code: str, now: datetime) -> Any:
    """Count a try, then return what it matched, if anything."""
    allowances = FactorAllowance.objects
    if not allowances.take(device.user_id, device.factor, now=now):
        return None
    try:
        return device.match(code, now=now)
    except BadKey:
        # The site's fault, and no wrong code.
        allowances.give_back(device.user_id, device.factor)
        raise


def _admit(
    device: FactorDevice,
    new_codes: recovery_codes.NewCodes | None,
    *,
    session: Session,
    request: HttpRequest | None,
) -> Confirmed | Refusal:
    """Let a proven device count, within the caller's transaction."""
    user = session.user
    facts = {"method": device.factor, "name": device.name}
    if isinstance(device, MessageDevice) and (former := _remove_former(device)):
        facts["replaces"] = former
    if not _let_count(device):
        return Refusal("device_unknown")
    FactorAllowance.objects.filter(user_id=device.user_id, factor=device.factor).begin_anew()
    # Another device may have brought codes meanwhile, which were shown.
    if new_codes is None or RecoveryCode.objects.left_to(device.user_id):
        codes = []
    else:
        codes = recovery_codes.store(user, new_codes)
    kind = SecurityEventKind.FACTOR_ADDED
    events.record(kind, user, session=session, request=request, **facts)
    amr = add_factor(session.amr, amr_of(device.factor))
    access = sessions.prove_again(session, amr=amr)
    if access is None:
        return Refusal("session_revoked")
    return Confirmed(codes, access, count_other_sessions(session))


def count_other_sessions(session: Session) -> int:
    """Return how many other live sessions the person has, which they may want to end."""
    return Session.objects.filter(user=session.user).live().exclude(pk=session.pk).count()


def device_id(device: FactorDevice) -> str:
    """Return the id that a device has for clients, as ``OwnedDevice.id`` does."""
    return f"{device.model_label()}-{device.pk}"


def _find_unconfirmed(model: type[DeviceT], user: Any, enrollment_id: str) -> DeviceT | None:
    waiting = _waiting(model, user)
    return next((device for device in waiting if device_id(device) == enrollment_id), None)


def _waiting(model: type[DeviceT], user: Any) -> QuerySet[DeviceT]:
    since = timezone.now() - ENROLLMENT_LIFETIME
    begun: QuerySet[DeviceT] = model.objects.filter(user_id=user.pk, created_at__gt=since)
    return begun.filter(confirmed=False)


def _show(device: EncryptedTOTP, user: Any) -> TOTPEnrollment:
    secret = device.secret
    uri = otpauth_uri(secret, _account_name(user))
    return TOTPEnrollment(device_id(device), group_secret(secret), uri, qr_svg(uri))


def _check_room(user: Any) -> None:
    if sum(device.is_factor for device in list_devices(user)) >= MAX_DEVICES:
        raise TooManyDevices


def _remove_former(device: MessageDevice) -> str | None:
    """Remove the confirmed address of the same channel; return what it was called, if any."""
    same = {"user_id": device.user_id, "channel": device.channel, "confirmed": True}
    former = MessageDevice.objects.filter(**same).first()
    if former is None:
        return None
    former.delete()
    name: str = former.name or former.masked_address
    return name


def _let_count(device: FactorDevice) -> bool:
    """Confirm a device; return False where it is confirmed already."""
    waiting = type(device).objects.filter(pk=device.pk, confirmed=False)
    return bool(waiting.update(confirmed=True, confirmed_at=timezone.now()))


def _account_name(user: Any) -> str:
    """Return what to call the account: a user name may be a number, missing, or very long."""
    return str(user.get_username() or user.pk)[:ACCOUNT_NAME_LENGTH]
