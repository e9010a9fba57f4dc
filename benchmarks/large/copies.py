"""The same done to the same rows by both sides, each time to a fresh copy of the database."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.databases import connected_to, copied, settle
from benchmarks.sides import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

    Act = Callable[[], int]


@contextmanager
def fresh_copy(suffix: str = "copy") -> Iterator[BaseDatabaseWrapper]:
    """Be for a while at a copy of the database that we are at."""
    with copied(suffix) as copy, connected_to(copy):
        settle()
        yield copy


def in_turns(
    theirs: Act, ours: Act, *, expected: int, turns: int
) -> tuple[list[float], list[float]]:
    """Return how many seconds each took, for each turn. Raises ``WrongAnswer``.

    Each returns how many rows it was that it has dealt with.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    order = list(zip((theirs, ours), seconds, strict=True))
    for _ in range(turns):
        for act, seen in order:
            with fresh_copy():
                seen.append(seconds_of(act, expected=expected))
        # So that it is no advantage to be first.
        order.reverse()
    return seconds


def seconds_of(act: Act, *, expected: int) -> float:
    """Return how long it took. Raises ``WrongAnswer``."""
    start = perf_counter()
    count = act()
    took = perf_counter() - start
    if count != expected:
        raise WrongAnswer(f"{count} sessions, not {expected}")
    return took
