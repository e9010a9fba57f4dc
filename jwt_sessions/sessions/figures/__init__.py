"""How many sessions are live, and what happened to sessions day by day: for looking at.

Nothing here grows with the number of sessions: what is counted is counted up to a limit, and beyond
it some rows stand for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from jwt_sessions.models import BulkRevocation
from jwt_sessions.sessions.figures.daily import count_reuses, count_revocations, count_sign_ins
from jwt_sessions.sessions.figures.living import Live, count_live
from jwt_sessions.sessions.figures.numbers import Number

if TYPE_CHECKING:
    from datetime import date

DAYS: Final = 30
# Records of bulk revocations that are looked at, the latest.
RECORDS: Final = 500


@dataclass(frozen=True, slots=True)
class Day:
    """What happened on one day; `revocations` by reason, without the reasons of none."""

    date: date
    sign_ins: Number
    revocations: dict[str, Number]
    reuses: Number

    @property
    def revoked(self) -> Number:
        """How many sessions were revoked, for whatever reason."""
        return Number.sum(self.revocations.values())


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is now, the last days, the oldest first, and what is to be finished."""

    live: Live
    days: list[Day]
    unfinished: list[BulkRevocation]

    @property
    def has_estimates(self) -> bool:
        """Whether some of the numbers are not exact."""
        now = [self.live.sessions]
        days = [number for day in self.days for number in (day.sign_ins, day.revoked, day.reuses)]
        return not all(number.is_exact for number in now + days)


def read_figures(*, days: int = DAYS) -> Figures:
    """Return the figures of this moment and of the last days, today included.

    Days begin at midnight in the site's time zone. As many queries wherever all is counted, and
    some ten more where something is estimated.
    """
    now = timezone.now()
    bounds = midnights(now, days)
    records = list(BulkRevocation.objects.defer("criteria", "note").order_by("-pk")[:RECORDS])
    rows = zip(
        (bound.date() for bound in bounds[:-1]),
        count_sign_ins(bounds, now),
        count_revocations(bounds, now, records),
        count_reuses(bounds),
        strict=True,
    )
    return Figures(
        live=count_live(now),
        days=[Day(*row) for row in rows],
        unfinished=[record for record in records if not record.is_finished],
    )


def midnights(now: datetime, days: int) -> list[datetime]:
    """Return when each of the last days began, in the site's time zone, and when today ends."""
    zone = timezone.get_default_timezone() if timezone.is_aware(now) else None
    today = (now.astimezone(zone) if zone else now).date()
    dates = [today + timedelta(days=number) for number in range(1 - days, 2)]
    return [datetime.combine(each, time_of_day.min, tzinfo=zone) for each in dates]
