"""Clear sessions that expired long ago. Beside us stand two bare DELETEs of the same rows.

Also: how long we hold locks, how much memory we take, and what simplejwt's command does with as
many rows.
"""

from __future__ import annotations

import resource
import tracemalloc
from datetime import timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken as OtherRefreshToken

from benchmarks.comparing import Comparison
from benchmarks.large.copies import fresh_copy, in_turns
from benchmarks.large.filling import Stretch, copy_row, fill, moments, tidy, time_after, user_of
from benchmarks.large.transactions import Transactions
from benchmarks.reporting import comparisons
from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

BESIDE: Final = "bare DELETEs"

# Of two million sessions that other works have, so many are there, and so many of them go.
SHARE: Final = 0.6
SHARE_OVER: Final = 5 / 12

# Sessions that are over have expired within 20 days, of which the first two are before these 28.
RETAIN: Final = timedelta(days=7)
RETAIN_MORE: Final = timedelta(days=28)

MEGABYTE: Final = 1_000_000


def report(*, sessions: int, rounds: int, turns: int) -> str:
    """Fill, measure, and return the table and what else there is to say."""
    total = round(sessions * SHARE)
    over = round(total * SHARE_OVER)
    now = timezone.now()
    with fresh_copy("filled"):
        _fill(total, over, now)
        return "\n".join([_compare(total, over, now, turns=turns), _memory(), _flush()])


def _compare(total: int, over: int, now: datetime, *, turns: int) -> str:
    """Return the table, and how long locks were held at most."""
    transactions = Transactions()
    acts = partial(_delete, now), partial(_clear, transactions)
    theirs, ours = in_turns(*acts, expected=over, turns=turns)
    name = f"clear {over:,} of {total:,}"
    table = comparisons(Comparison(name, BESIDE, "s", theirs, ours, aim=1.5, must=2))
    longest = transactions.longest
    return f"{table}\nOur longest transaction took {longest:.3f} s; it must be less than 1 s."


def _fill(total: int, over: int, now: datetime) -> None:
    """Make sessions that are over for 10 to 30 days, and others that are not."""
    stretches = (
        Stretch(over, now - timedelta(days=60), now - timedelta(days=40)),
        Stretch(total - over, now - timedelta(days=29), now),
    )
    users = fill(*stretches)
    _fill_theirs(stretches, users)


def _fill_theirs(stretches: tuple[Stretch, ...], users: int) -> None:
    """Make an outstanding token for each; simplejwt has one more with each refresh."""
    token = OtherRefreshToken.for_user(get_user_model().objects.get(username="alice"))
    row = OutstandingToken.objects.get(jti=token["jti"])
    values = {
        # As long as theirs.
        "jti": "substr(digits || digits, 1, 32)",
        "user": user_of(users),
        "created_at": time_after(timedelta(0)),
        "expires_at": time_after(timedelta(days=30)),
    }
    for stretch in stretches:
        copy_row(row, moments(stretch), values)
    row.delete()
    tidy()


def _delete(now: datetime) -> int:
    over = Session.objects.filter(revoked_at=None, expires_at__lte=now - RETAIN)
    alias = connection.alias
    # Django's own delete() would read all of them first.
    RefreshToken.objects.filter(session__in=over)._raw_delete(alias)
    count: int = over._raw_delete(alias)
    return count


def _clear(transactions: Transactions) -> int:
    with transactions.watched():
        return sessions.clear_expired(retain_expired=RETAIN)


def _memory() -> str:
    """Return what Python allocated at most, for a tenth of the rows, and for the others."""
    with fresh_copy():
        few, peak_of_few = _peak(lambda: sessions.clear_expired(retain_expired=RETAIN_MORE))
        many, peak_of_many = _peak(lambda: sessions.clear_expired(retain_expired=RETAIN))
    return (
        f"Python's memory at most: {peak_of_few / MEGABYTE:.1f} MB for {few:,} sessions, "
        f"{peak_of_many / MEGABYTE:.1f} MB for {many:,}."
    )


def _peak(act: Callable[[], int]) -> tuple[int, int]:
    tracemalloc.start()
    try:
        return act(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _flush() -> str:
    """Return what simplejwt's command took, once."""
    with fresh_copy():
        total = OutstandingToken.objects.count()
        before, start = _resident(), perf_counter()
        call_command("flushexpiredtokens")
        took, grown = perf_counter() - start, _resident() - before
        left = OutstandingToken.objects.count()
    return (
        f"simplejwt's flushexpiredtokens took {took:.1f} s for {total - left:,} of {total:,} "
        f"outstanding tokens, and the process grew by {grown / MEGABYTE:,.0f} MB."
    )


def _resident() -> int:
    """Return the most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
