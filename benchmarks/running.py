"""One run on one database, with its report."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import UNAVAILABLE, large, serving
from benchmarks.databases import scratch_database, why_absent
from benchmarks.measuring import measure
from benchmarks.reporting import database, header, tables
from benchmarks.sides import create_alice
from benchmarks.works import WORKS, Work

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    Report = Callable[[], str]


def run(options: Namespace) -> int:
    """Measure what is asked for, and print the tables; return the exit code."""
    reports = _choose(options)
    if reason := why_absent():
        where = options.database.upper()
        print(f"\n!!! NOT MEASURED ON {where}: {reason}\n", file=sys.stderr)
        return UNAVAILABLE
    with scratch_database():
        create_alice()
        print(header(database()), flush=True)
        for report in reports:
            print(report(), end="\n\n", flush=True)
    return 0


def _choose(options: Namespace) -> list[Report]:
    """Return what makes the tables: of one work, of the large ones, or of all but these."""
    large_ones = {
        name: partial(report, sessions=options.sessions, rounds=options.rounds, turns=options.turns)
        for name, report in large.WORKS.items()
    }
    if options.large and options.only is None:
        return [*large_ones.values()]
    request = partial(serving.report, rounds=options.rounds)
    others = {work.name: partial(_tables, work, rounds=options.rounds) for work in WORKS}
    if options.only is None:
        return [partial(_tables, *WORKS, rounds=options.rounds), request]
    named = {**others, "request": request, **large_ones}
    if options.only not in named:
        sys.exit(f"There is no work {options.only!r}, only {', '.join(named)}.")
    return [named[options.only]]


def _tables(*works: Work, rounds: int) -> str:
    return tables([measure(work, rounds=rounds) for work in works])
