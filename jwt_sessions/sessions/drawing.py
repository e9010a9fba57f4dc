"""Some of the sessions that may be live, and how many each of them stands for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jwt_sessions.models import Session
from jwt_sessions.sessions.stretches import UNREVOKED_ENDS, cut, first_of_each, reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from jwt_sessions.sessions.stretches import Stretch

# The time is cut into so many stretches at first, a crowded one into so many pieces.
STRETCHES: Final = 32
PIECES: Final = 4
# Sessions read of each stretch, and of all.
READ: Final = 20
READ_AT_MOST: Final = 2_800
# So few are not cut any more.
WORTH_A_QUERY: Final = 6
INSTANT: Final = timedelta(microseconds=1)

K = TypeVar("K")


@dataclass(slots=True)
class Part:
    """A stretch of time, the ids of the first in it as the database has them, and their weight.

    That is how many each of them stands for, if all of the stretch is like its beginning.
    """

    start: datetime
    end: datetime
    ids: list[Any]
    weight: float


def draw_unrevoked(now: datetime) -> dict[Any, float]:
    """Return the weights of some sessions that are neither revoked nor expired by `now`.

    Their ids are those of the database, for what is thinned out needs not be read.

    Crowded stretches of time are cut again and again, so that it does not matter if one session
    ends years after all others. Some five queries, one more for each time that needs to be cut.
    """
    # Here it is the way to find it, from the end of the index.
    ends = Session.objects.filter(revoked_at=None).order_by("-revoked_at", "-expires_at")
    last = ends.values_list("expires_at", flat=True).first()
    parts = _look(cut(now, last + INSTANT, STRETCHES)) if last and last > now else []
    while crowded := _most_crowded(parts):
        gone = {id(each) for each in crowded}
        parts = [each for each in parts if id(each) not in gone]
        parts += _look(piece for each in crowded for piece in cut(each.start, each.end, PIECES))
    return {id_: part.weight for part in parts for id_ in part.ids}


def _most_crowded(parts: list[Part]) -> list[Part]:
    room = (READ_AT_MOST - sum(len(each.ids) for each in parts)) // (PIECES * READ)
    crowded = sorted(
        (each for each in parts if each.weight > 1), key=lambda each: each.weight, reverse=True
    )
    return crowded[:room] if room >= WORTH_A_QUERY else []


def _look(pieces: Iterable[Stretch]) -> list[Part]:
    stretches = list(pieces)
    columns = ("expires_at", "id")
    rows = first_of_each(UNREVOKED_ENDS, stretches, limit=READ, columns=columns)
    read = reader(UNREVOKED_ENDS, "expires_at")
    parts = []
    for (start, end), found in zip(stretches, rows, strict=True):
        weight = 1.0
        if len(found) == READ:
            last = read(found[-1][0])
            weight = max((end - start) / (last + INSTANT - start), 1.0)
        parts.append(Part(start, end, [id_ for _, id_ in found], weight))
    return parts


def thin(weights: Mapping[K, float], number: int) -> dict[K, float]:
    """Return so many of a sample at most, evenly chosen, that stand for as many as all did."""
    if len(weights) <= number:
        return dict(weights)
    step = sum(weights.values()) / number
    chosen: dict[K, float] = {}
    passed, mark = 0.0, step / 2
    for id_, weight in weights.items():
        passed += weight
        while mark < passed:
            chosen[id_] = chosen.get(id_, 0.0) + step
            mark += step
    return chosen
