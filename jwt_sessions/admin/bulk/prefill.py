"""Criteria that a link to the form brings along: ``new/?users=7&active_since=2026-11-20``."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from jwt_sessions.admin.bulk.fields import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from django.http import QueryDict

LISTS: Final = ("users", "groups")
TEXTS: Final = ("names", "network", "device", "kind")
TICKS: Final = ("staff", "except_own", "without_second_factor", "everyone")
MOMENTS: Final = ("created_after", "created_before", "active_since", "inactive_since")


def prefill(query: QueryDict) -> dict[str, Any]:
    """Return what the form begins with. What cannot be read is left out."""
    given: dict[str, Any] = {name: query.getlist(name) for name in LISTS if name in query}
    given |= {name: query[name] for name in TEXTS if name in query}
    given |= {name: True for name in TICKS if query.get(name)}
    moments = {name: _read_moment(str(query[name])) for name in MOMENTS if name in query}
    return given | {name: moment for name, moment in moments.items() if moment}


def _read_moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime.combine(day, time())
    except ValueError:
        return None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    if timezone.is_naive(moment) and timezone.is_aware(timezone.now()):
        moment = timezone.make_aware(moment)
    return moment
