"""What happened to sessions, day by day: counted up to a limit, and estimated beyond it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import UUID

from jwt_sessions.models import RevokedReason
from jwt_sessions.models.identifiers import made_at
from jwt_sessions.sessions.figures.numbers import Number
from jwt_sessions.sessions.stretches import (
    REUSES,
    REVOCATIONS,
    SIGN_INS,
    count_each,
    cut,
    reader,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from datetime import datetime

    from jwt_sessions.models import BulkRevocation
    from jwt_sessions.sessions.stretches import Index, Stretch

# So many are counted of each day, and one more, which tells that there are more.
CAP: Final = 600
# A day that has more is cut into so many stretches, and so many rows are looked at of each.
PIECES: Final = 6
LOOKED_AT: Final = 60
# Those whose columns are not all in the index cost more.
READ: Final = 25
INSTANT: Final = timedelta(milliseconds=1)


def count_sign_ins(bounds: Sequence[datetime], now: datetime) -> list[Number]:
    """Return how many sessions began between each two bounds, of those that are stored still."""
    numbers, crowded = _count(SIGN_INS, bounds)
    read = reader(SIGN_INS, "id")
    for day, pieces in _look(SIGN_INS, crowded, now, LOOKED_AT).items():
        found = 0.0
        for (start, end), rows in pieces:
            for count, last in rows:
                id_ = read(last)
                seen = made_at(id_ if isinstance(id_, UUID) else UUID(id_)) - start
                whole = (end - start) / max(seen, INSTANT) if count == LOOKED_AT else 1.0
                found += count * whole
        numbers[day] = Number.about(found, at_least=CAP)
    return numbers


def count_reuses(bounds: Sequence[datetime]) -> list[Number]:
    """Return how often a refresh token was found reused between each two bounds, or the limit."""
    return _count(REUSES, bounds)[0]


def count_revocations(
    bounds: Sequence[datetime], now: datetime, records: Sequence[BulkRevocation]
) -> list[dict[str, Number]]:
    """Return how many sessions were revoked between each two bounds, and why.

    Where they are estimated, those of bulk revocations are not: `records` have their numbers, for
    the day on which each was started.
    """
    _, crowded = _count(REVOCATIONS, bounds)
    days = [day for day in enumerate(pairwise(bounds)) if day[0] not in crowded]
    numbers: list[dict[str, Number]] = [{} for _ in bounds[1:]]
    by = ["revoked_reason"]
    told = count_each(REVOCATIONS, [ends for _, ends in days], limit=CAP, by=by)
    for (day, _), rows in zip(days, told, strict=True):
        numbers[day] = {why: Number(count) for why, count, _ in rows}
    recorded = {each.pk for each in records}
    read = reader(REVOCATIONS, "revoked_at")
    by.append("bulk_revocation_id")
    for day, pieces in _look(REVOCATIONS, crowded, now, READ, by).items():
        found = _without_bulk([_Glimpse.of(*each, recorded, read) for each in pieces])
        start, end = crowded[day]
        in_bulk = sum(each.done for each in records if start <= each.started_at < end)
        numbers[day] = _together(found, in_bulk)
    return numbers


@dataclass(frozen=True, slots=True)
class _Glimpse:
    """Why sessions were revoked in a part of a stretch of time, bulk revocations left aside."""

    reasons: dict[str, int]
    seen: timedelta
    whole: timedelta
    is_crowded_out: bool

    @classmethod
    def of(
        cls,
        stretch: Stretch,
        rows: list[Any],
        recorded: Container[Any],
        read: Callable[[Any], datetime],
    ) -> Self:
        """Look at what is known of the first rows of a stretch."""
        start, end = stretch
        seen, reasons = end - start, Counter[str]()
        is_crowded = sum(count for *_, count, _ in rows) == READ
        if is_crowded:
            seen = max(max(read(last) for *_, last in rows) - start, INSTANT)
        for why, record, count, _ in rows:
            if record not in recorded:
                reasons[why] += count
        has_bulk = any(record in recorded for _, record, *_ in rows)
        return cls(reasons, seen, end - start, is_crowded and has_bulk)


def _without_bulk(glimpses: list[_Glimpse]) -> dict[str, float]:
    """Return how many were revoked why in all stretches of a day.

    Where a bulk revocation leaves little to see, the whole day stands for the stretch.
    """
    found: dict[str, float] = defaultdict(float)
    seen = sum((each.seen for each in glimpses), timedelta(0))
    reasons = sum((Counter(each.reasons) for each in glimpses), Counter[str]())
    for each in glimpses:
        told, time = (reasons, seen) if each.is_crowded_out else (each.reasons, each.seen)
        for why, count in told.items():
            found[why] += count * (each.whole / time)
    return found


def _together(found: dict[str, float], in_bulk: int) -> dict[str, Number]:
    """Return numbers of which it is known that they are more than CAP together."""
    numbers = {why: Number.about(count) for why, count in found.items()}
    if in_bulk:
        staff = RevokedReason.REVOKED_BY_STAFF.value
        numbers[staff] = Number.sum([numbers.get(staff, Number(0)), Number(in_bulk)])
    total = sum(each.value for each in numbers.values())
    if total >= CAP:
        return numbers
    # They came at one moment, which tells nothing of the rest of the day.
    return {
        why: Number(each.value * CAP // max(total, 1), is_minimum=True)
        for why, each in numbers.items()
    }


def _count(index: Index, bounds: Sequence[datetime]) -> tuple[list[Number], dict[int, Stretch]]:
    """Return what is counted of each day, and the days that have more than is counted."""
    days = list(pairwise(bounds))
    counts = [sum(count for count, _ in rows) for rows in count_each(index, days, limit=CAP + 1)]
    numbers = [Number(min(count, CAP), is_minimum=count > CAP) for count in counts]
    return numbers, {day: days[day] for day, count in enumerate(counts) if count > CAP}


def _look(
    index: Index,
    crowded: dict[int, Stretch],
    now: datetime,
    limit: int,
    by: Sequence[str] = (),
) -> dict[int, list[tuple[Stretch, list[Any]]]]:
    """Return the pieces of each crowded day, with what is told by the first rows of each."""
    pieces = [
        (day, piece)
        for day, (start, end) in crowded.items()
        for piece in cut(start, max(min(end, now + INSTANT), start), PIECES)
    ]
    told = count_each(index, [piece for _, piece in pieces], limit=limit, by=by, last=True)
    found: dict[int, list[tuple[Stretch, list[Any]]]] = {day: [] for day in crowded}
    for (day, piece), rows in zip(pieces, told, strict=True):
        found[day].append((piece, rows))
    return found
