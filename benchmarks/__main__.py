"""``python -m benchmarks``: a process of its own for each database, and in it both sides."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Final

import django

from benchmarks import UNAVAILABLE

DATABASES: Final = ("sqlite", "postgresql", "postgresql-prepared")


def main(arguments: list[str]) -> int:
    """Measure as the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    if options.algorithms:
        return _compare_algorithms(rounds=options.rounds)
    if options.database == "all":
        failures = [_fails_apart(database, arguments) for database in DATABASES]
        return int(any(failures))
    _set_up(options.database)
    from benchmarks.running import run  # it needs the models, which are ready only now

    return run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--database", choices=[*DATABASES, "all"], default="all")
    parser.add_argument("--rounds", type=int, default=100, help="blocks of each side (100)")
    parser.add_argument("--only", metavar="NAME", help="the one work to measure")
    parser.add_argument(
        "--large", action="store_true", help="the works on millions of sessions, and no others"
    )
    parser.add_argument(
        "--sessions", type=int, default=2_000_000, help="sessions of the large works (2,000,000)"
    )
    parser.add_argument(
        "--turns", type=int, default=3, help="turns of each side where one takes seconds (3)"
    )
    parser.add_argument(
        "--algorithms", action="store_true", help="what each algorithm costs, and nothing else"
    )
    return parser


def _set_up(database: str) -> None:
    # Before anything asks for Django's settings, and whatever settings the caller has.
    os.environ["BENCHMARK_DATABASE"] = database
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()


def _compare_algorithms(*, rounds: int) -> int:
    # It stands in the settings, and nothing is asked of it.
    _set_up("sqlite")
    from benchmarks.algorithms import table
    from benchmarks.reporting import header

    print(header(), flush=True)
    print(table(rounds=rounds))
    return 0


def _fails_apart(database: str, arguments: list[str]) -> bool:
    command = [sys.executable, "-m", "benchmarks", *arguments, "--database", database]
    # One database that is not there keeps the other from nothing.
    return subprocess.call(command) not in {0, UNAVAILABLE}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
