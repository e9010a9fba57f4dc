"""What is printed: where it was measured, and the table."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import django
import rest_framework
import rest_framework_simplejwt
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measuring import Measurement, Series

HEADINGS: Final = (
    ("", "simplejwt", "ours", "", "", "", "ratio by blocks", "statements", ""),
    ("work", "µs", "µs", "ratio", "aim", "must", "low   mid  high", "simplejwt", "ours"),
)


def header() -> str:
    """Return one line that says what was measured, on what, and when."""
    database = ".".join(map(str, connection.get_database_version()))
    return " | ".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}",
            f"Python {platform.python_version()}",
            f"Django {django.__version__}",
            f"DRF {rest_framework.VERSION}",
            f"simplejwt {rest_framework_simplejwt.__version__}",
            f"{connection.display_name} {database}",
            f"{_processor()}, {os.cpu_count()} cores",
        ]
    )


def table(measurements: Sequence[Measurement]) -> str:
    """Return the table, a row for each work."""
    rows = [*HEADINGS, *(_row(measurement) for measurement in measurements)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _row(measurement: Measurement) -> tuple[str, ...]:
    ratios = measurement.block_ratios
    spread = (ratios[0], median(ratios), ratios[-1])
    return (
        measurement.work.name,
        _microseconds(measurement.simplejwt),
        _microseconds(measurement.ours),
        f"{measurement.ratio:.2f}",
        f"{measurement.work.aim:.2f}",
        f"{measurement.work.must:.2f}",
        "  ".join(f"{ratio:.2f}" for ratio in spread),
        str(measurement.simplejwt.statements),
        str(measurement.ours.statements),
    )


def _microseconds(series: Series) -> str:
    return f"{series.median / 1000:,.0f}"


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
