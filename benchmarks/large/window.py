"""What the cached check takes beside its requests: the window of recent revocations, and Redis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.databases import scratch_environment
from benchmarks.large import cache_server
from benchmarks.large.copies import fresh_copy
from benchmarks.large.filling import fill_last_month, revoke_by_chance
from benchmarks.reporting import format_rows
from benchmarks.sides import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

# How many were revoked lately.
COUNTS: Final = (0, 1_000, 10_000, 100_000, 1_000_000)

MEGABYTE: Final = 1_000_000

HEADINGS: Final = (
    ("revoked lately,", "to read them", "kept", "process grown by", "at most", "to look for one"),
    ("of {sessions:,}", "s", "MB", "MB", "MB", "µs"),
)


def report(*, sessions: int, rounds: int, turns: int) -> str:
    """Fill, revoke more and more, have them read; return the table and what Redis does."""
    headings = [tuple(cell.format(sessions=sessions) for cell in row) for row in HEADINGS]
    with fresh_copy("filled"):
        fill_last_month(sessions)
        table = format_rows([*headings, *_rows(sessions, turns)])
    return f"{table}\n{cache_server.report()}"


def _rows(sessions: int, turns: int) -> Iterator[tuple[str, ...]]:
    revoked = 0
    for count in COUNTS:
        if count <= sessions:
            # As they are before a VACUUM comes by.
            revoke_by_chance(count=count - revoked)
            revoked = count
            yield _row(count, _read(turns))


def _read(turns: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.window_reader", str(turns)]
    environment = {**os.environ, **scratch_environment()}
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    facts: dict[str, Any] = json.loads(told.stdout)
    return facts


def _row(count: int, facts: dict[str, Any]) -> tuple[str, ...]:
    if facts["ids"] != count:
        raise WrongAnswer(f"{facts['ids']} sessions, not {count}")
    return (
        f"{count:,}",
        f"{median(facts['seconds']):.3f}",
        *(f"{facts[name] / MEGABYTE:.2f}" for name in ("kept", "grown", "peak")),
        f"{facts['has'] / 1000:.2f}",
    )
