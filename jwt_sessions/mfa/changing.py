"""Naming and removing the devices that a person has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_sessions.exceptions import FactorNeeded
from jwt_sessions.mfa import events, policy
from jwt_sessions.mfa.devices import (
    clean_name,
    device_models,
    find_device,
    has_second_factor,
    with_times,
)
from jwt_sessions.mfa.turns import in_turn
from jwt_sessions.models import FactorAllowance, PendingLogin, RecoveryCodes, SecurityEventKind
from jwt_sessions.sessions.announcing import session_alias

if TYPE_CHECKING:
    from django.http import HttpRequest

    from jwt_sessions.mfa.devices import OwnedDevice
    from jwt_sessions.models import Session


def rename(user: Any, owned_id: str, *, name: str) -> OwnedDevice | None:
    """Give a device another name; None where it is not this person's."""
    device = find_device(user, owned_id)
    if device is None or not device.rows().filter(user_id=user.pk).update(name=clean_name(name)):
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
