"""Codes that are sent to a person who is about to prove themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_sessions.mfa.devices import list_devices, load_all
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
    device.generate_challenge()
    return None


def _senders(user: Any, method: str) -> Iterator[Any]:
    meant = [device for device in list_devices(user) if device.method == method]
    for _, instance in load_all(meant):
        if instance.is_interactive():
            yield instance
