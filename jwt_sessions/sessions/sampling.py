"""Some of the sessions that may be live, which stand for all of them where counting takes long."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from jwt_sessions.models import Among, Session
from jwt_sessions.sessions.stretches import (
    ROWS,
    UNREVOKED_ENDS,
    count_each,
    cut,
    first_of_each,
    reader,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from jwt_sessions.models.session import SessionQuerySet
    from jwt_sessions.sessions.stretches import Stretch

# The time is cut into so many stretches at first, a crowded one into so many pieces.
STRETCHES: Final = 32
PIECES: Final = 4
# Sessions read of each stretch, and of all if nobody says otherwise.
READ: Final = 20
READ_AT_MOST: Final = 2_800
# So few are not cut any more.
WORTH_A_QUERY: Final = 6
INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """Some sessions by id, and how many each stands for: 1.0 each where all were read."""

    weights: dict[UUID, float]

    @property
    def total(self) -> float:
        """How many sessions they all stand for."""
        return sum(self.weights.values())

    def among(self, queryset: SessionQuerySet) -> Sample:
        """Return the part of it that a query of sessions has too. One query."""
        ids = queryset.order_by().filter(Among("pk", list(self.weights)))
        return Sample({id_: self.weights[id_] for id_ in ids.values_list("pk", flat=True)})

    def thinned(self, number: int) -> Sample:
        """Return so many of it at most, evenly chosen, that stand for as many as all did."""
        if len(self.weights) <= number:
            return self
        step = self.total / number
        chosen: dict[UUID, float] = {}
        passed, mark = 0.0, step / 2
        for id_, weight in self.weights.items():
            passed += weight
            while mark < passed:
                chosen[id_] = chosen.get(id_, 0.0) + step
                mark += step
        return Sample(chosen)

    def owners(self) -> dict[UUID, Any]:
        """Return whose sessions they are, but for nobody's. One query."""
        ids = Session.objects.filter(Among("pk", list(self.weights))).exclude(user=None)
        return dict(ids.values_list("pk", "user"))

    def kinds(self) -> dict[str, float]:
        """Return how many sessions there are of each kind, about. One query."""
        rows = Session.objects.filter(Among("pk", list(self.weights)))
        counts: dict[str, float] = defaultdict(float)
        for id_, kind in rows.values_list("pk", "kind"):
            counts[kind] += self.weights[id_]
        return dict(counts)


@dataclass(slots=True)
class _Part:
    """A stretch of time, the first sessions that end in it, and how many each of them stands for.

    That is if all of the stretch is like its beginning. `crowding` tells how much there is to learn
    by cutting it; 0 where all of it was read, or it cannot be cut.
    """

    start: datetime
    end: datetime
    ids: list[UUID]
    weight: float = 1.0
    crowding: float = 0.0


def draw(now: datetime, *, at_most: int = READ_AT_MOST) -> Sample:
    """Return a sample of the sessions that are neither revoked nor expired by `now`.

    By when they end, the first sessions of each stretch of time are read, and how close they follow
    each other tells how many the stretch has. Crowded stretches are cut again and again, so that it
    does not matter if one session ends years after all others. Some five queries, one more for
    each time that needs to be cut.
    """
    # Here it is the way to find it, from the end of the index.
    ends = Session.objects.filter(revoked_at=None).order_by("-revoked_at", "-expires_at")
    last = ends.values_list("expires_at", flat=True).first()
    parts = _look(cut(now, last + INSTANT, STRETCHES)) if last and last > now else []
    while crowded := _most_crowded(parts, at_most):
        gone = {id(each) for each in crowded}
        parts = [each for each in parts if id(each) not in gone]
        parts += _look(piece for each in crowded for piece in cut(each.start, each.end, PIECES))
    return Sample({id_: part.weight for part in parts for id_ in part.ids})


def _most_crowded(parts: list[_Part], at_most: int) -> list[_Part]:
    room = (at_most - sum(len(each.ids) for each in parts)) // (PIECES * READ)
    crowded = [each for each in parts if each.crowding > 1]
    crowded.sort(key=attrgetter("crowding"), reverse=True)
    return crowded[:room] if room >= WORTH_A_QUERY else []


def _look(pieces: Iterable[Stretch]) -> list[_Part]:
    stretches = list(pieces)
    columns = ("expires_at", "id")
    rows = first_of_each(UNREVOKED_ENDS, stretches, limit=READ, columns=columns)
    read_time, read_id = (reader(UNREVOKED_ENDS, column) for column in columns)
    parts = []
    for (start, end), found in zip(stretches, rows, strict=True):
        part = _Part(start, end, [read_id(id_) for _, id_ in found])
        if len(found) == READ:
            first, last = read_time(found[0][0]), read_time(found[-1][0])
            _weigh(part, first, last)
        parts.append(part)
    return parts


def _weigh(part: _Part, first: datetime, last: datetime) -> None:
    """Note how many there may be in a stretch that was not read to its end."""
    length = part.end - part.start
    if length <= INSTANT:
        part.weight = _count(part.start, part.end) / READ
        return
    part.weight = max(length / (last + INSTANT - part.start), 1.0)
    part.crowding = length / (last + INSTANT - first)


def _count(start: datetime, end: datetime) -> int:
    """Count what ends at one moment, which no cut of time can part: many that were made at once."""
    (rows,) = count_each(UNREVOKED_ENDS, [(start, end)], limit=ROWS)
    return sum(count for count, _ in rows)
