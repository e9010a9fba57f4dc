"""Codes that are sent to a person who is about to prove themselves."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from jwt_sessions.delivery import log_failure
from jwt_sessions.exceptions import NotDelivered, TooSoon
from jwt_sessions.mfa.devices import list_devices, load_all
from jwt_sessions.models import FactorAllowance, FactorDevice
from jwt_sessions.sessions import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


def send_to(user: Any, method: str) -> Refusal | None:
    """Have the device of this method send a code.

    Refuses ``no_such_factor`` where there is none that sends. Raises ``TooSoon`` and
    ``NotDelivered``.
    """
    device = next(_senders(user, method), None)
    if device is None:
        return Refusal("no_such_factor")
    if isinstance(device, FactorDevice):
        device.generate_challenge()
    else:
        _let_stock_send(device, method)
    return None


def _senders(user: Any, method: str) -> Iterator[Any]:
    meant = [device for device in list_devices(user) if device.method == method]
    for _, instance in load_all(meant):
        if instance.is_interactive():
            yield instance


def _let_stock_send(device: Any, method: str) -> None:
    """Have a device of others send a code, no more often than ours do."""
    now, allowances = timezone.now(), FactorAllowance.objects
    is_allowed, facts = device.generate_is_allowed()
    if not is_allowed:
        free_at = (facts or {}).get("next_generation_at", now)
        raise TooSoon(max(1, ceil((free_at - now).total_seconds())))
    if wait := allowances.take_message(device.user_id, method, now=now):
        raise TooSoon(wait)
    try:
        device.generate_challenge()
    except Exception as error:  # noqa: BLE001 - which ones, django-otp leaves to the device
        log_failure(error, f"a code cannot be sent by {method}")
        allowances.take_message_back(device.user_id, method)
        raise NotDelivered from None
