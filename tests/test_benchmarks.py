"""The benchmark still runs. What it measures is for people to judge, and no test asks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")


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


TIMES, STATEMENTS, NONE = r"( +[\d,.]+){2}", r"( +\d+ \+ \d+){2}", r"( +0 \+ 0){2}"


@pytest.mark.parametrize(
    ("work", "ratios", "statements"),
    [
        ("refresh", r"( +\d+\.\d\d){6}", STATEMENTS),
        ("login", r"( +\d+\.\d\d){6}", STATEMENTS),
        *((f"read {name}", r"( +\d+\.\d\d){6}", NONE) for name in ALGORITHMS),
        *((f"mint {name}", r" +\d+\.\d\d +- +-( +\d+\.\d\d){3}", NONE) for name in ALGORITHMS),
    ],
)
def test_each_work_has_a_row_with_times_ratios_and_statements(report, work, ratios, statements):
    assert re.search(rf"^{work}{TIMES}{ratios}{statements}$", report, re.MULTILINE)


@pytest.mark.parametrize("beside", ["simplejwt", "jwt.decode", "jwt.encode"])
def test_each_table_names_what_stands_beside_us(report, beside):
    assert re.search(rf"^ +{re.escape(beside)} +ours .*\nwork ", report, re.MULTILINE)


def test_one_work_is_measured_alone():
    rows = run_benchmarks("--rounds", "1", "--only", "read HS256").stdout.splitlines()
    assert [row.split()[:2] for row in rows[2:]] == [["work", "µs"], ["read", "HS256"], []]


def test_what_each_algorithm_costs_is_told():
    finished = run_benchmarks("--rounds", "1", "--algorithms")
    assert finished.returncode == 0, finished.stderr
    rows = [line.split("  ")[0] for line in finished.stdout.splitlines()[3:]]
    assert rows == [
        "HS256",
        "RS256, 2048 bits",
        "RS256, 3072 bits",
        "PS256, 2048 bits",
        "ES256",
        "ES384",
        "EdDSA",
    ]
    assert re.search(r"^ES256( +[\d,.]+){3} +570 +64$", finished.stdout, re.MULTILINE)


def test_an_unknown_work_is_refused():
    assert "no work 'fly'" in run_benchmarks("--only", "fly").stderr
