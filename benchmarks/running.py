"""One run on one database, with its report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import UNAVAILABLE
from benchmarks.databases import scratch_database, why_absent
from benchmarks.measuring import measure
from benchmarks.reporting import database, header, tables
from benchmarks.sides import create_alice
from benchmarks.works import WORKS

if TYPE_CHECKING:
    from benchmarks.works import Work


def run(where: str, *, rounds: int, only: str | None) -> int:
    """Measure all works, or the one called `only`, and print the tables; return the exit code."""
    works = _choose(only)
    if reason := why_absent():
        print(f"\n!!! NOT MEASURED ON {where.upper()}: {reason}\n", file=sys.stderr)
        return UNAVAILABLE
    with scratch_database():
        create_alice()
        print(header(database()), flush=True)
        print(tables([measure(work, rounds=rounds) for work in works]), end="\n\n", flush=True)
    return 0


def _choose(only: str | None) -> list[Work]:
    works = [work for work in WORKS if only in {None, work.name}]
    if not works:
        sys.exit(f"There is no work {only!r}, only {', '.join(work.name for work in WORKS)}.")
    return works
