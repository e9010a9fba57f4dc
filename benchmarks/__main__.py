"""``python -m benchmarks``: a process of its own for each database, and in it both sides."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Final

import django

from benchmarks import UNAVAILABLE

DATABASES: Final = ("sqlite", "postgresql")


def main(arguments: list[str]) -> int:
    """Measure as the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    if options.database == "all":
        failures = [_fails_apart(database, arguments) for database in DATABASES]
        return int(any(failures))
    # Before anything asks for Django's settings, and whatever settings the caller has.
    os.environ["BENCHMARK_DATABASE"] = options.database
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()
    from benchmarks.running import run  # it needs the models, which are ready only now

    return run(options.database, rounds=options.rounds, only=options.only)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--database", choices=[*DATABASES, "all"], default="all")
    parser.add_argument("--rounds", type=int, default=100, help="blocks of each side (100)")
    parser.add_argument("--only", metavar="NAME", help="the one work to measure")
    return parser


def _fails_apart(database: str, arguments: list[str]) -> bool:
    command = [sys.executable, "-m", "benchmarks", *arguments, "--database", database]
    # One database that is not there keeps the other from nothing.
    return subprocess.call(command) not in {0, UNAVAILABLE}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
