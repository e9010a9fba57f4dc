"""Identifiers that sort by the time they were made."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID


def uuid7() -> UUID:
    """Return a UUID of version 7 (RFC 9562 section 5.7), in time order to about 250 ns.

    The 12 bits after the milliseconds hold their fraction (section 6.2, method 3); 62 are random.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64
    return UUID(int=value | 0b10 << 62 | secrets.randbits(62))


def least_uuid7(moment: datetime) -> UUID:
    """Return an id that is less than all that are made from the millisecond of `moment` on."""
    milliseconds = max(int(moment.timestamp() * 1000), 0)
    return UUID(int=(milliseconds & (1 << 48) - 1) << 80)


def made_at(id_: UUID) -> datetime:
    """Return when an id was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, tz=UTC)
