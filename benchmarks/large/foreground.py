"""What a site sees that goes on running meanwhile: another process, ``benchmarks.busy_site``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from statistics import quantiles
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.databases import scratch_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class Refresh(NamedTuple):
    """One refresh: when it began, by a clock that all processes share, and its seconds."""

    began: float
    seconds: float
    is_served: bool


class Foreground:
    """The process, and what it saw once it has ended."""

    def __init__(self) -> None:
        self.seen: list[Refresh] = []

    def between(self, start: float, end: float) -> list[Refresh]:
        """Return the refreshes that began then."""
        return [refresh for refresh in self.seen if start <= refresh.began <= end]


@contextmanager
def refreshing(*, begun_since: datetime) -> Iterator[Foreground]:
    """Have sessions that began later refreshed all the time, in the database that we are at."""
    foreground = Foreground()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.busy_site", begun_since.isoformat()],
        env={**os.environ, **scratch_environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("nobody refreshes")
        yield foreground
        told, _ = process.communicate()
        foreground.seen = [Refresh(*values) for values in json.loads(told)]
    finally:
        process.kill()
        process.wait()


def milliseconds(refreshes: list[Refresh]) -> tuple[str, ...]:
    """Return how many there were, how many were not served; median, 99th percentile and longest."""
    times = [refresh.seconds * 1000 for refresh in refreshes]
    refused = sum(not refresh.is_served for refresh in refreshes)
    counts = (str(len(times)), str(refused))
    if not times:
        return (*counts, "-", "-", "-")
    cuts = quantiles([*times, times[-1]], n=100, method="inclusive")
    return (*counts, *(f"{value:.1f}" for value in (cuts[49], cuts[98], max(times))))
