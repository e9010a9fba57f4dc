"""Identifiers that sort by the time they were made."""

from __future__ import annotations

import hashlib
import secrets
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

# Bits of what is less than a millisecond.
FRACTION: Final = 12


def uuid7() -> UUID:
    """Return a UUID of version 7 (RFC 9562 section 5.7), in time order to about 250 ns.

    The 12 bits after the milliseconds hold their fraction (section 6.2, method 3); 62 are random.
    """
    ticks = (time.time_ns() << FRACTION) // 1_000_000
    return UUID(int=uuid7_of(ticks).int | secrets.randbits(62))


def named_uuid7(moment: datetime, name: str) -> UUID:
    """Return the one id of this millisecond that belongs to `name`, of which it tells nothing."""
    digest = hashlib.sha256(name.encode()).digest()
    return UUID(int=least_uuid7(moment).int | int.from_bytes(digest[:8]) >> 2)


def least_uuid7(moment: datetime) -> UUID:
    """Return an id that no other one is less than which is made from this millisecond on."""
    return uuid7_of(max(int(moment.timestamp() * 1000), 0) << FRACTION)


def made_at(id_: UUID) -> datetime:
    """Return when an id was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, tz=UTC)


def uuid7_of(ticks: int) -> UUID:
    """Return the least id of a tick: 4,096 of them are a millisecond, counted from 1970.

    With the bits of its version, without which MariaDB would sort it by other rules.
    """
    milliseconds, fraction = divmod(ticks, 1 << FRACTION)
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64
    return UUID(int=value | 0b10 << 62)
