"""Some sessions that stand for all of them, where counting would read too many."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import connections

from jwt_sessions.models import Among, Session
from jwt_sessions.models.identifiers import least_uuid7, ticks_of, uuid7_of
from jwt_sessions.sessions.announcing import session_alias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from jwt_sessions.models.session import SessionQuerySet

# So many stretches of ids at first, and so many pieces that a crowded one is cut into.
STRETCHES: Final = 64
PIECES: Final = 4
# Sessions read of each stretch, and of all of them.
READ: Final = 40
READ_AT_MOST: Final = 12_000
# How often crowded stretches are cut again.
ROUNDS: Final = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """Some sessions by id, and how many each stands for: 1.0 each where all were read."""

    weights: dict[UUID, float]

    @property
    def total(self) -> float:
        """How many sessions there are, about."""
        return sum(self.weights.values())

    @property
    def is_complete(self) -> bool:
        """Whether all sessions are in it, so that nothing is estimated."""
        return all(weight == 1 for weight in self.weights.values())

    def among(self, queryset: SessionQuerySet) -> Sample:
        """Return the part of it that a query of sessions has too. One query."""
        ids = queryset.order_by().filter(Among("pk", list(self.weights)))
        return Sample({id_: self.weights[id_] for id_ in ids.values_list("pk", flat=True)})

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

    def estimate(self, queryset: SessionQuerySet) -> float:
        """Return how many sessions a query has, about. One query."""
        return self.among(queryset).total


@dataclass(slots=True)
class _Stretch:
    """The ids from the tick `start` up to `end`, and the first ones that are there."""

    start: int
    end: int
    ids: list[UUID]

    @property
    def is_crowded(self) -> bool:
        return len(self.ids) == READ

    @property
    def weight(self) -> float:
        """How many sessions each id stands for, if all of the stretch is like its beginning."""
        if not self.is_crowded:
            return 1.0
        return max((self.end - self.start) / (ticks_of(self.ids[-1]) + 1 - self.start), 1.0)

    def cut(self) -> list[tuple[int, int]]:
        return list(_cut(self.start, self.end, PIECES))


def draw(*, since: datetime | None = None, until: datetime | None = None) -> Sample:
    """Return a sample of the sessions that began within a time, at most some 12,000.

    Ids sort by time. So the time is cut into stretches, of each the first sessions are read, and
    how close they follow each other tells how many the stretch has. Crowded stretches are cut
    again. Some ten queries at most.
    """
    start, end = _ends(since, until)
    stretches = _look(_cut(start, end, STRETCHES)) if start < end else []
    for _ in range(ROUNDS):
        room = (READ_AT_MOST - sum(len(each.ids) for each in stretches)) // (PIECES * READ)
        crowded = sorted(
            (each for each in stretches if each.is_crowded and each.weight > 1),
            key=lambda each: each.weight,
            reverse=True,
        )[: max(room, 0)]
        if not crowded:
            break
        gone = {id(each) for each in crowded}
        pieces = _look(piece for each in crowded for piece in each.cut())
        stretches = [each for each in stretches if id(each) not in gone] + pieces
    return Sample({id_: each.weight for each in stretches for id_ in each.ids})


def _ends(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Return the tick of the first id and the one after the last id's, within a time."""
    rows = Session.objects.order_by("pk")
    if since is not None:
        rows = rows.filter(pk__gte=least_uuid7(since))
    if until is not None:
        rows = rows.filter(pk__lt=least_uuid7(until))
    first = rows.values_list("pk", flat=True).first()
    last = rows.reverse().values_list("pk", flat=True).first()
    return (ticks_of(first), ticks_of(last) + 1) if first and last else (0, 0)


def _cut(start: int, end: int, number: int) -> Iterator[tuple[int, int]]:
    bounds = [start + (end - start) * each // number for each in range(number + 1)]
    for low, high in itertools.pairwise(bounds):
        if low < high:
            yield low, high


def _look(bounds: Iterable[tuple[int, int]]) -> list[_Stretch]:
    """Read the first ids of all stretches, in one query."""
    stretches = [_Stretch(start, end, []) for start, end in bounds]
    selects, params = [], []
    for number, each in enumerate(stretches):
        sql, values = _first_ids(each, number)
        selects.append(sql)
        params += values
    key: Any = Session._meta.pk
    with connections[session_alias()].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects), params)
        for number, found in cursor.fetchall():
            stretches[number].ids.append(key.to_python(found))
    for each in stretches:
        each.ids.sort()
    return stretches


def _first_ids(stretch: _Stretch, number: int) -> tuple[str, list[Any]]:
    rows = Session.objects.filter(pk__gte=uuid7_of(stretch.start), pk__lt=uuid7_of(stretch.end))
    query = rows.order_by("pk").values_list("pk", flat=True)[:READ].query
    sql, params = query.get_compiler(session_alias()).as_sql()
    # Django wraps no slices in a UNION on SQLite.
    return f"SELECT {number}, s{number}.* FROM ({sql}) s{number}", list(params)  # noqa: S608 - Django's
