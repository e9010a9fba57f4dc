"""How often something may happen, written as in Django REST framework."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final, NamedTuple

# What each scope counts is told in throttling.
DEFAULT_THROTTLE_RATES: Final = {
    "sign_in": "30/min",
    "sign_in_account": "20/hour",
    "second_factor": "60/min",
    "message_address": "20/day",
    "refresh": "120/min",
    "refresh_session": "300/min",
}
RATE: Final = re.compile(r"([1-9]\d{0,8})/(s|sec|m|min|h|hour|d|day)")
PERIODS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Rate(NamedTuple):
    """So many times in so many seconds."""

    number: int
    seconds: int


@cache
def parse_rate(text: Any) -> Rate | None:
    """Return a rate as Django REST framework writes it, ``"20/hour"``; None: no limit.

    Raises ``ValueError``.
    """
    if text is None:
        return None
    if not (isinstance(text, str) and (match := RATE.fullmatch(text))):
        raise ValueError(f"{text!r} is no rate")
    return Rate(int(match[1]), PERIODS[match[2][0]])
