"""The method: both sides in turn, in small blocks, so that what disturbs one disturbs the other."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from benchmarks.sides import OURS, Side
from benchmarks.statements import Statements, count_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.works import Work

    Steps = Iterator[Callable[[], object]]

WARM_UP: Final = 50


@dataclass
class Series:
    """What was seen of one side: the times of each block, in nanoseconds for one operation."""

    statements: Statements
    blocks: list[list[float]]

    @property
    def median(self) -> float:
        """The median of all operations."""
        return median(time for block in self.blocks for time in block)


@dataclass(frozen=True)
class Measurement:
    """One work, done by both sides."""

    work: Work
    theirs: Series
    ours: Series

    @property
    def ratio(self) -> float:
        """Our median to theirs."""
        return self.ours.median / self.theirs.median

    @property
    def block_ratios(self) -> list[float]:
        """The same for each pair of neighbouring blocks, sorted: how much noise there was."""
        pairs = zip(self.ours.blocks, self.theirs.blocks, strict=True)
        return sorted(median(ours) / median(theirs) for ours, theirs in pairs)


def measure(work: Work, *, rounds: int) -> Measurement:
    """Have both sides do `work`, a block each per round."""
    with override_settings(**work.settings):
        application = WSGIHandler()
        sides = [work.steps(Side(name, application)) for name in (work.beside, OURS)]
        series = [_warm_up(steps) for steps in sides]
        turns = list(zip(sides, series, strict=True))
        with frozen_heap():
            for _ in range(rounds):
                for steps, seen in turns:
                    seen.blocks.append(_time_block(steps, work))
                # So that it is no advantage to be first.
                turns.reverse()
    return Measurement(work, *series)


def _warm_up(steps: Steps) -> Series:
    for _ in range(WARM_UP):
        next(steps)()
    return Series(count_statements(next(steps)), blocks=[])


def _time_block(steps: Steps, work: Work) -> list[float]:
    # Garbage is collected between blocks, whoever left it, and never within one.
    gc.collect()
    return [time_operation(next(steps), times=work.times) for _ in range(work.block)]


def time_operation(operation: Callable[[], object], *, times: int = 1) -> float:
    """Run `operation` so many times in a row; return how long one took, in nanoseconds."""
    start = perf_counter_ns()
    for _ in range(times):
        operation()
    return (perf_counter_ns() - start) / times


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Keep the collector out, and what is there already out of its sight."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
