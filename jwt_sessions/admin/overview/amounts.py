"""Numbers in words, and how exact they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.formats import number_format
from django.utils.translation import gettext, pgettext

if TYPE_CHECKING:
    from jwt_sessions.sessions.figures.living import Live
    from jwt_sessions.sessions.figures.numbers import Number

# More digits of an estimate would say more than is known.
DIGITS: Final = 2


def grouped(value: int) -> str:
    """Return a number with its thousands apart, as the language has it."""
    return str(number_format(value, use_l10n=True, force_grouping=True))


def say(number: Number) -> str:
    """Return "1,234", "about 1,200" or "at least 1,200"."""
    if number.is_estimate:
        return gettext("about %(number)s") % {"number": grouped(rounded(number.value))}
    if number.is_minimum:
        return gettext("at least %(number)s") % {"number": grouped(number.value)}
    return grouped(number.value)


def rounded(value: int) -> int:
    """Return an estimate without the digits that nobody knows."""
    return round(value, min(DIGITS - len(str(value)), 0))


def say_share(live: Live) -> str:
    """Return the part of the live sessions that has a second factor, in percent."""
    if not live.sessions.value:
        return pgettext("share of no sessions", "none")
    # Neither all nor none, where it is not.
    percent = round(live.share * 100)
    percent = min(percent, 99) if live.share < 1 else percent
    percent = max(percent, 1) if live.share > 0 else percent
    share = pgettext("share", "%(percent)s%%") % {"percent": percent}
    if not live.sessions.is_exact:
        return gettext("about %(number)s") % {"number": share}
    return share
