"""Adding, naming and removing devices. Nothing counts as a factor before a code has proven it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import transaction
from django.utils import timezone

from jwt_sessions import clients, sessions
from jwt_sessions.claims import add_factor
from jwt_sessions.exceptions import BadKey, FactorNeeded, ProofNeeded, TooManyDevices
from jwt_sessions.mfa import events, policy, recovery_codes
from jwt_sessions.mfa.devices import (
    device_models,
    find_device,
    has_second_factor,
    list_devices,
    with_times,
)
from jwt_sessions.mfa.proving import amr_of, tell_if_locked
from jwt_sessions.mfa.qr import group_secret, otpauth_uri, qr_svg
from jwt_sessions.mfa.turns import in_turn
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    FactorDevice,
    MessageDevice,
    PendingLogin,
    RecoveryCode,
    RecoveryCodes,
    SecurityEventKind,
    Session,
)
from jwt_sessions.models.device import NAME_LENGTH
from jwt_sessions.models.message_device import mask
from jwt_sessions.sessions import Refusal
from jwt_sessions.sessions.announcing import session_alias

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

    from jwt_sessions.mfa.devices import OwnedDevice

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
    fresh token of the session, which has proven a second factor by this.
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
        device = EncryptedTOTP.make(user_id=user.pk, name=_clean(name))
    secret = device.secret
    uri = otpauth_uri(secret, _account_name(user))
    return TOTPEnrollment(device_id(device), group_secret(secret), uri, qr_svg(uri))


def begin_message(user: Any, *, channel: str, address: str, name: str = "") -> str:
    """Send a code to an address that is to become a factor; return the device's id.

    Without a name it is called by its address, masked. To begin again sends again. Raises
    ``TooManyDevices``, ``UserGone``, ``TooSoon`` and ``NotDelivered``; too soon, what was begun
    before waits on.
    """
    name = _clean(name) or _clean(mask(address))
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


def rename(user: Any, owned_id: str, *, name: str) -> OwnedDevice | None:
    """Give a device another name; None where it is not this person's."""
    device = find_device(user, owned_id)
    if device is None or not device.rows().filter(user_id=user.pk).update(name=_clean(name)):
        return None
    found = find_device(user, owned_id)
    return None if found is None else next(iter(with_times([found])), None)


def remove(
    user: Any,
    owned_id: str,
    *,
    session: Session | None = None,
    request: HttpRequest | None = None,
) -> bool:
    """Remove a device; return False where it is not this person's.

    With the last factor the recovery codes go too. Raises ``FactorNeeded`` where it is the last
    one of a person who must have one.
    """
    device = find_device(user, owned_id)
    if device is None:
        return False
    with in_turn(user):
        row = device.rows().filter(user_id=user.pk)
        # An UPDATE first: SQLite cannot wait for its turn after a read, which a deletion may do.
        if not row.update(confirmed=True):
            return False
        row.delete()
        if not has_second_factor(user):
            if policy.is_required(user):
                raise FactorNeeded
            RecoveryCodes.objects.filter(user_id=user.pk).delete()
        kind = SecurityEventKind.FACTOR_REMOVED
        facts = {"method": device.method, "name": device.name}
        events.record(kind, user, session=session, request=request, **facts)
    return True


def reset(user: Any, *, by: Any = None, request: HttpRequest | None = None) -> int:
    """Remove all devices of a person who has lost them; return how many of them were confirmed.

    For staff, who must be sure of whom they do it for. Pending logins end.
    """
    with in_turn(user):
        PendingLogin.objects.filter(user_id=user.pk).delete()
        count = 0
        for model in device_models().values():
            rows = model.objects.devices_for_user(user).using(session_alias())
            count += rows.filter(confirmed=True).count()
            rows.delete()
        FactorAllowance.objects.filter(user_id=user.pk).begin_anew()
        staff = None if by is None else str(by.pk)
        kind = SecurityEventKind.FACTORS_RESET
        events.record(kind, user, request=request, devices=count, by=staff)
    return count


def count_other_sessions(session: Session) -> int:
    """Return how many other live sessions the person has, which they may want to end."""
    return Session.objects.filter(user=session.user).live().exclude(pk=session.pk).count()


def device_id(device: FactorDevice) -> str:
    """Return the id that a device has for clients, as ``OwnedDevice.id`` does."""
    return f"{device.model_label()}-{device.pk}"


def _find_unconfirmed(model: type[DeviceT], user: Any, enrollment_id: str) -> DeviceT | None:
    since = timezone.now() - ENROLLMENT_LIFETIME
    waiting = model.objects.filter(user_id=user.pk, confirmed=False, created_at__gt=since)
    return next((device for device in waiting if device_id(device) == enrollment_id), None)


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


def _clean(name: str) -> str:
    return clients.clean_text(name, NAME_LENGTH)
