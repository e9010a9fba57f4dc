"""Identifiers that sort by the time they were made."""

from __future__ import annotations

import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """Return a UUID of version 7 (RFC 9562 section 5.7), in time order to about 250 ns.

    The 12 bits after the milliseconds hold their fraction (section 6.2, method 3); 62 are random.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64
    return UUID(int=value | 0b10 << 62 | secrets.randbits(62))
