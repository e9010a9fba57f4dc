"""Revoke half of all sessions in batches. Beside us stands one bare UPDATE, which locks them all.

Also: how long refreshes take meanwhile, in another process and of other sessions.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from benchmarks.comparing import Comparison
from benchmarks.large.copies import fresh_copy, in_turns, seconds_of
from benchmarks.large.filling import Stretch, fill
from benchmarks.large.foreground import milliseconds, refreshing
from benchmarks.reporting import comparisons, format_rows
from jwt_sessions import sessions
from jwt_sessions.models import BulkRevocation, RevokedReason, Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from benchmarks.large.copies import Act

BESIDE: Final = "bare UPDATE"

# Seconds of refreshes before, at most; and a second for so many sessions that are revoked.
CALM: Final = 10
SESSIONS_FOR_A_SECOND: Final = 100_000

HEADINGS: Final = (
    ("refreshes in another process", "", "not", "median", "99 %", "longest"),
    ("", "all", "served", "ms", "ms", "ms"),
)


def report(*, sessions: int, rounds: int, turns: int) -> str:
    """Fill, measure, and return both tables."""
    half = sessions // 2
    now = timezone.now()
    begun_before = now - timedelta(days=14)
    with fresh_copy("filled"):
        fill(
            Stretch(half, now - timedelta(days=29), begun_before),
            Stretch(sessions - half, begun_before + timedelta(hours=1), now),
        )
        acts = partial(_one_update, begun_before), partial(_in_batches, begun_before)
        theirs, ours = in_turns(*acts, expected=half, turns=turns)
        name = f"revoke {half:,} of {sessions:,}"
        table = comparisons(Comparison(name, BESIDE, "s", theirs, ours, aim=1.5, must=2))
        return f"{table}\n\n{_refreshes(*acts, begun_before, expected=half)}"


def _one_update(begun_before: datetime) -> int:
    record = BulkRevocation.objects.create(reason="exercise")
    concerned = Session.objects.filter(created_at__lt=begun_before)
    return concerned.revoke(reason=RevokedReason.REVOKED_BY_STAFF, bulk_revocation=record)


def _in_batches(begun_before: datetime) -> int:
    concerned = Session.objects.filter(created_at__lt=begun_before)
    return sessions.revoke_in_batches(concerned, reason="exercise").done


def _refreshes(theirs: Act, ours: Act, begun_before: datetime, *, expected: int) -> str:
    """Return the table of refreshes before and during either."""
    watch = partial(_watch, begun_before=begun_before, expected=expected)
    return format_rows([*HEADINGS, *watch(f"the {BESIDE}", theirs), *watch("ours", ours)])


def _watch(
    label: str, act: Act, *, begun_before: datetime, expected: int
) -> Iterator[tuple[str, ...]]:
    """Yield what refreshes took before and during an act, on a fresh copy."""
    with fresh_copy(), refreshing(begun_since=begun_before) as foreground:
        before = monotonic()
        sleep(min(CALM, max(1, expected // SESSIONS_FOR_A_SECOND)))
        start = monotonic()
        seconds_of(act, expected=expected)
        end = monotonic()
    yield f"before {label}", *milliseconds(foreground.between(before, start))
    yield f"during {label}", *milliseconds(foreground.between(start, end))
