"""Naming and removing the devices that a person has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.contrib.auth import get_user_model

from jwt_sessions import clients
from jwt_sessions.exceptions import FactorNeeded, UserGone
from jwt_sessions.mfa import events, policy
from jwt_sessions.mfa.devices import (
    clean_name,
    device_models,
    find_device,
    has_second_factor,
)
from jwt_sessions.mfa.turns import in_turn
from jwt_sessions.models import (
    FactorAllowance,
    PendingLogin,
    RecoveryCodes,
    RevokedReason,
    SecurityEventKind,
    session_alias,
)
from jwt_sessions.sessions import revoke_all

if TYPE_CHECKING:
    from django.http import HttpRequest

    from jwt_sessions.mfa.devices import OwnedDevice
    from jwt_sessions.models import Session

REASON_LENGTH: Final = 500


def rename(user: Any, owned_id: str, *, name: str) -> OwnedDevice | None:
    """Give a device another name; None where it is not this person's."""
    device = _find(user, owned_id)
    if device is None or not device.rows().filter(user_id=user.pk).update(name=clean_name(name)):
        return None
    return _find(user, owned_id)


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
    device = _find(user, owned_id)
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


def _find(user: Any, owned_id: str) -> OwnedDevice | None:
    """Return a device that can be named and removed: recovery codes are renewed, and go along."""
    device = find_device(user, owned_id)
    return device if device is not None and device.is_factor else None


class Reset(NamedTuple):
    """What a reset did: how many confirmed devices it removed, how many sessions it ended."""

    devices: int
    sessions: int


def reset(
    user: Any,
    *,
    by: Any = None,
    reason: str = "",
    end_sessions: bool = False,
    request: HttpRequest | None = None,
) -> Reset:
    """Remove all devices of a person who has lost them, and if told so end all their sessions.

    For staff, who must be sure of whom they do it for. Pending logins end. `reason` is a text for
    the record, kept in one line of 500 characters; the person is not told it. Raises ``UserGone``
    where the user was deleted meanwhile.
    """
    with in_turn(user, by=by):
        # An UPDATE first: SQLite cannot wait for its turn after a read.
        FactorAllowance.objects.filter(user_id=user.pk).begin_anew()
        if not _is_there(user):
            raise UserGone
        PendingLogin.objects.filter(user_id=user.pk).delete()
        done = Reset(_remove_all(user), _end_all(user, by, request) if end_sessions else 0)
        facts: dict[str, Any] = {"devices": done.devices, "by": None if by is None else str(by.pk)}
        if end_sessions:
            facts["sessions"] = done.sessions
        if cleaned := clients.clean_text(reason, REASON_LENGTH):
            facts["reason"] = cleaned
        events.record(SecurityEventKind.FACTORS_RESET, user, request=request, **facts)
    return done


def _is_there(user: Any) -> bool:
    people = get_user_model()._base_manager.using(session_alias())
    return people.filter(pk=user.pk).exists()


def _end_all(user: Any, by: Any, request: HttpRequest | None) -> int:
    return revoke_all(user, reason=RevokedReason.REVOKED_BY_STAFF, by=by, request=request)


def _remove_all(user: Any) -> int:
    count = 0
    for model in device_models().values():
        rows = model.objects.devices_for_user(user).using(session_alias())
        count += rows.filter(confirmed=True).count()
        rows.delete()
    return count
