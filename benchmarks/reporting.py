"""What is printed: where it was measured, and the tables."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import django
import rest_framework
import rest_framework_simplejwt
from cryptography.hazmat.backends.openssl import backend as openssl
from django.db import connection

from benchmarks.settings import CHOSEN_DATABASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.comparing import Comparison
    from benchmarks.measuring import Measurement

TWO_DIGITS: Final = 100
FOUR_DIGITS: Final = 1000


def header(*facts: str) -> str:
    """Return one line that says what was measured, on what, and when; `facts` say more."""
    return " | ".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}",
            f"Python {platform.python_version()}",
            f"Django {django.__version__}",
            f"DRF {rest_framework.VERSION}",
            f"simplejwt {rest_framework_simplejwt.__version__}",
            f"PyJWT {version('pyjwt')}",
            " ".join(openssl.openssl_version_text().split()[:2]),  # without its date
            *facts,
            f"{_processor()}, {os.cpu_count()} cores",
        ]
    )


def database() -> str:
    """Return the name and the version of the database."""
    numbers = ".".join(map(str, connection.get_database_version()))
    how = " by prepared statements" if CHOSEN_DATABASE.endswith("prepared") else ""
    return f"{connection.display_name} {numbers}{how}"


def tables(measurements: Sequence[Measurement]) -> str:
    """Return a table for each that stands beside us, and in it a row for each work."""
    groups = groupby(measurements, key=lambda each: (each.work.beside, each.work.ours))
    return "\n\n".join(
        format_rows([*_headings(*names), *(_row(measurement) for measurement in group)])
        for names, group in groups
    )


def comparisons(*measured: Comparison) -> str:
    """Return a table of what is not measured in microseconds; all stand beside the same."""
    beside, unit = measured[0].beside, measured[0].unit
    headings = [
        ("", beside, "ours", "", "", "", "ratio by turns"),
        ("work", unit, unit, "ratio", "aim", "must", "low   mid  high"),
    ]
    return format_rows([*headings, *(_comparison_row(comparison) for comparison in measured)])


def format_rows(rows: Sequence[Sequence[str]]) -> str:
    """Return the lines of a table; all but its first column stand on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def microseconds(nanoseconds: float) -> str:
    """Return a time as a table shows it."""
    value = nanoseconds / 1000
    # Four digits tell more than the noise does.
    return f"{value:.1f}" if value < FOUR_DIGITS else f"{value:,.0f}"


def _headings(beside: str, ours: str) -> tuple[tuple[str, ...], ...]:
    return (
        ("", beside, ours, "", "", "", "ratio by blocks", "statements", ""),
        ("work", "µs", "µs", "ratio", "aim", "must", "low   mid  high", beside, ours),
    )


def _row(measurement: Measurement) -> tuple[str, ...]:
    goals = measurement.work.goals_on(CHOSEN_DATABASE)
    return (
        measurement.work.name,
        microseconds(measurement.theirs.median),
        microseconds(measurement.ours.median),
        f"{measurement.ratio:.2f}",
        *map(_ratio_or_dash, goals),
        _spread(measurement.block_ratios),
        str(measurement.theirs.statements),
        str(measurement.ours.statements),
    )


def _comparison_row(comparison: Comparison) -> tuple[str, ...]:
    return (
        comparison.name,
        _figure(median(comparison.theirs)),
        _figure(median(comparison.ours)),
        f"{comparison.ratio:.2f}",
        *map(_ratio_or_dash, (comparison.aim, comparison.must)),
        _spread(comparison.ratios),
    )


def _figure(value: float) -> str:
    # Three digits at least.
    return f"{value:.2f}" if value < TWO_DIGITS else f"{value:,.0f}"


def _spread(ratios: Sequence[float]) -> str:
    return "  ".join(f"{ratio:.2f}" for ratio in (ratios[0], median(ratios), ratios[-1]))


def _ratio_or_dash(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if number else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "   ".join([first, *others]).rstrip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
