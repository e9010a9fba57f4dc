"""How commands write times, and read times and durations."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime

UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """Read ``90d``, ``12h`` and the like."""
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is no duration: write 90d, 12h or 30m")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def time_or_age(text: str) -> datetime:
    """Read an ISO date or time, in the site's time zone unless it says another, or an age."""
    try:
        time = parse_datetime(text)  # or a date, at its first moment
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: {error}") from error
    if time is None:
        return timezone.now() - duration(text)
    is_local = timezone.is_naive(time) and timezone.is_aware(timezone.now())
    return timezone.make_aware(time) if is_local else time


def moment(seconds: float | None) -> str:
    """Return seconds since 1970 as a date and time in UTC."""
    if seconds is None:
        return "-"
    try:
        return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%d %H:%M:%SZ}"
    except (ValueError, OverflowError):
        return "beyond all dates"


def span(seconds: float) -> str:
    """Return a span of time by its largest unit: ``12 days``."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return "0 seconds"


def counted(number: int, what: str) -> str:
    """Return how many of something, which takes an s: ``1 session``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
