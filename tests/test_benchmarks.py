"""The benchmark still runs. What it measures is for people to judge, and no test asks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run_benchmarks(*arguments):
    command = [sys.executable, "-m", "benchmarks", "--database", "sqlite", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def report():
    finished = run_benchmarks("--rounds", "2")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_the_report_says_what_it_was_measured_on(report):
    assert re.match(r"\d{4}-\d\d-\d\d \| Python 3\.\S+ \| Django \S+ \| DRF ", report)
    assert " | SQLite 3." in report


@pytest.mark.parametrize("work", ["refresh", "login"])
def test_each_work_has_a_row_with_times_ratios_and_statements(report, work):
    times, numbers = r" +[\d,]+ +[\d,]+", r"( +\d+\.\d\d){6}"
    statements = r"( +\d+ \+ \d+){2}"
    assert re.search(rf"^{work}{times}{numbers}{statements}$", report, re.MULTILINE)


def test_an_unknown_work_is_refused():
    assert "no work 'fly'" in run_benchmarks("--only", "fly").stderr
