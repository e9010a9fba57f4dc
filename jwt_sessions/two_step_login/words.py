"""What is said at a login, and wherever else tries are limited."""

from __future__ import annotations

from math import ceil
from typing import Final

from django.utils.translation import gettext, ngettext

MINUTE: Final = 60  # seconds


def waiting_time(seconds: int) -> str:
    """Return how long that is."""
    if seconds < 2 * MINUTE:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    minutes = ceil(seconds / MINUTE)
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}


def too_many_tries(seconds: int) -> str:
    """Return what to say where a limit was reached."""
    text = gettext("Too many tries. Please try again in %(time)s.")
    return text % {"time": waiting_time(seconds)}


def too_many_messages(seconds: int) -> str:
    """Return what to say where a code was sent just now."""
    text = gettext("A code was sent already. The next one can be sent in %(time)s.")
    return text % {"time": waiting_time(seconds)}


def recovery_codes_left(number: int) -> str:
    """Return what to say to who has just used a recovery code."""
    return ngettext(
        "You have used a recovery code. %(n)d is left.",
        "You have used a recovery code. %(n)d are left.",
        number,
    ) % {"n": number}
