"""The benchmark still runs. What it measures is for people to judge, and no test asks.

It fails by itself where an answer is wrong, or another number of rows than was to be.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import RedisServer

once = pytest.mark.once

ROOT = Path(__file__).parent.parent

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")


# A database of the tests is none of the benchmarks', which make their own.
on_postgresql = pytest.mark.skipif(
    os.environ.get("TEST_DATABASE") != "postgresql", reason="TEST_DATABASE is not postgresql"
)


def run_benchmarks(*arguments, database="sqlite", **environment):
    command = [sys.executable, "-m", "benchmarks", "--database", database, *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def tables_of(*arguments, **options):
    finished = run_benchmarks(*arguments, **options)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def redis():
    server = RedisServer()
    yield {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(server.port)}
    server.kill()


@pytest.fixture(scope="module")
def report(redis):
    return tables_of("--rounds", "2", **redis)


@pytest.fixture(scope="module")
def large_report(redis):
    return tables_of("--large", "--sessions", "2000", "--turns", "1", "--rounds", "2", **redis)


@once
def test_the_report_says_what_it_was_measured_on(report):
    assert re.match(r"\d{4}-\d\d-\d\d \| Python 3\.\S+ \| Django \S+ \| DRF ", report)
    assert " | SQLite 3." in report


TIMES, STATEMENTS, NONE = r"( +[\d,.]+){2}", r"( +\d+ \+ \d+){2}", r"( +0 \+ 0){2}"


@once
@pytest.mark.parametrize(
    ("work", "ratios", "statements"),
    [
        ("refresh", r"( +\d+\.\d\d){6}", STATEMENTS),
        ("login", r"( +\d+\.\d\d){6}", STATEMENTS),
        ("authenticate", r"( +\d+\.\d\d){6}", r"( +1 \+ 0){2}"),
        ("authenticate, cached", r" +\d+\.\d\d +- +-( +\d+\.\d\d){3}", r" +1 \+ 0 +0 \+ 0"),
        ("the same, user touched", r" +\d+\.\d\d +- +-( +\d+\.\d\d){3}", r"( +1 \+ 0){2}"),
        ("page", r"( +\d+\.\d\d){6}", r"( +1 \+ 0){2}"),
        *((f"read {name}", r"( +\d+\.\d\d){6}", NONE) for name in ALGORITHMS),
        *((f"mint {name}", r" +\d+\.\d\d +- +-( +\d+\.\d\d){3}", NONE) for name in ALGORITHMS),
    ],
)
def test_each_work_has_a_row_with_times_ratios_and_statements(report, work, ratios, statements):
    assert re.search(rf"^{work}{TIMES}{ratios}{statements}$", report, re.MULTILINE)


@once
@pytest.mark.parametrize("beside", ["simplejwt", "Django", "jwt.decode", "jwt.encode"])
def test_each_table_names_what_stands_beside_us(report, beside):
    assert re.search(rf"^ +{re.escape(beside)} +ours .*\nwork ", report, re.MULTILINE)


@once
def test_one_work_is_measured_alone():
    rows = run_benchmarks("--rounds", "1", "--only", "read HS256").stdout.splitlines()
    assert [row.split()[:2] for row in rows[2:]] == [["work", "µs"], ["read", "HS256"], []]


@once
def test_what_each_algorithm_costs_is_told():
    table = tables_of("--rounds", "1", "--algorithms")
    rows = [line.split("  ")[0] for line in table.splitlines()[3:]]
    assert rows == [
        "HS256",
        "RS256, 2048 bits",
        "RS256, 3072 bits",
        "PS256, 2048 bits",
        "ES256",
        "ES384",
        "EdDSA",
    ]
    assert re.search(r"^ES256( +[\d,.]+){3} +570 +64$", table, re.MULTILINE)


@once
def test_an_unknown_work_is_refused():
    assert "no work 'fly'" in run_benchmarks("--only", "fly").stderr


FIGURES = r"( +[\d,.]+){2}( +\d+\.\d\d){6}"


@once
def test_requests_to_a_server_are_counted_by_the_second(report):
    without_aims = r"( +[\d,.]+){2} +\d+\.\d\d +- +-( +\d+\.\d\d){3}"
    assert re.search(
        rf"^request{FIGURES}\nrequest, cached{without_aims}\nthe same, user touched{without_aims}\n"
        "Here more is better",
        report,
        re.MULTILINE,
    )


@once
@pytest.mark.parametrize(
    ("work", "statements"),
    [
        ("authenticate", r"( +1 \+ 0){2}"),
        ("refresh", r"( +2 \+ 0){2}"),
        ("authenticate, cached", NONE),
    ],
)
def test_few_sessions_stand_beside_many(large_report, work, statements):
    figures = rf"{TIMES}( +\d+\.\d\d){{6}}{statements}"
    assert re.search(rf"^{work}{figures}$", large_report, re.MULTILINE)


@once
def test_what_sessions_take_is_told_where_the_database_tells_it(large_report):
    assert re.search(r"^sizes: on PostgreSQL only$", large_report, re.MULTILINE)


@once
@pytest.mark.parametrize("count", ["0", "1,000"])
def test_recent_revocations_are_read_by_a_process_of_their_own(large_report, count):
    row = rf"^{count} +\d\.\d{{3}}( +\d+\.\d\d){{4}}$"
    assert re.search(row, large_report, re.MULTILINE)


@once
def test_it_is_told_what_redis_does_or_why_not(large_report):
    assert re.search(r"^Redis: (\d+ bytes for each|not measured)", large_report, re.MULTILINE)


PAGES = (
    *("newest", "from the middle on", "overview", "filter that few meet", "user of a quarter"),
    *("revoked, in bulk", "events", "preview, last seen before", "preview, one user"),
)


@once
@pytest.mark.parametrize("page", PAGES)
def test_each_page_of_the_admin_has_its_times_its_aim_and_its_statements(large_report, page):
    row = rf"^{page}{TIMES} +(100|2,000) +\d+ \+ \d+( +([\d,]+|-)){{2}}$"
    assert re.search(row, large_report, re.MULTILINE)


@once
def test_stock_lists_stand_beside_pages(large_report):
    assert re.search(
        r"^page .* statements +ms +ms\nnewest .*( +\d+){2}$", large_report, re.MULTILINE
    )


@once
def test_half_of_the_sessions_are_revoked_by_pages_beside_the_command(large_report):
    row = rf"^revoke 1,000 of 2,000 by pages{TIMES} +[\d.]+ +- +-( +[\d.]+){{3}}$"
    assert re.search(row, large_report, re.MULTILINE)
    assert re.search(r"^By pages .* [1-9]\d* requests; the longest ", large_report, re.MULTILINE)


@once
def test_one_large_work_is_measured_alone():
    table = tables_of("--large", "--only", "steps", "--sessions", "200", "--turns", "1")
    assert re.findall(r"^work|^revoke|^clear|^page", table, re.MULTILINE) == ["work", "revoke"]


@once
@pytest.mark.parametrize("work", ["revoke 1,000 of 2,000", "clear 500 of 1,200"])
def test_a_large_work_is_timed_beside_bare_statements(large_report, work):
    assert re.search(rf"^{work}{FIGURES}$", large_report, re.MULTILINE)


@once
@pytest.mark.parametrize("side", ["the bare UPDATE", "ours"])
def test_a_site_goes_on_while_half_of_the_sessions_are_revoked(large_report, side):
    assert re.search(rf"^before {side} +[1-9]\d* +0( +[\d.]+){{3}}$", large_report, re.MULTILINE)
    assert re.search(rf"^during {side} +\d+ +0", large_report, re.MULTILINE)


@once
def test_clearing_tells_of_its_locks_its_memory_and_of_simplejwt(large_report):
    assert re.search(r"^Our longest transaction took 0\.\d{3} s;", large_report, re.MULTILINE)
    assert re.search(r" MB for 5\d sessions, [\d.]+ MB for 4\d\d\.$", large_report, re.MULTILINE)
    assert re.search(r" s for 500 of 1,200 outstanding tokens", large_report)


@on_postgresql
def test_statements_are_prepared_where_the_database_is_to():
    table = tables_of("--rounds", "1", "--only", "authenticate", database="postgresql-prepared")
    assert " | PostgreSQL 1" in table
    assert " by prepared statements | " in table
    assert re.search(r"^authenticate .* 0\.53 +0\.70 .*( +1 \+ 0){2}$", table, re.MULTILINE)


@pytest.fixture(scope="module")
def large_report_of_postgresql():
    size = ("--sessions", "2000", "--turns", "1", "--rounds", "2")
    return tables_of("--large", *size, database="postgresql")


@on_postgresql
@pytest.mark.parametrize(
    "name",
    [
        *("session", "of_user", "over", "address", "device", "session_pkey"),
        *("refreshtoken", "refreshtoken_pkey"),
    ],
)
def test_each_table_and_index_has_its_bytes(large_report_of_postgresql, name):
    row = rf"^jwt_sessions_{name} +[1-9]\d*\.\d$"
    assert re.search(row, large_report_of_postgresql, re.MULTILINE)


@on_postgresql
@pytest.mark.parametrize(
    ("act", "in_place"),
    [
        ("sign in", "-"),
        ("refresh, the first", r"\d+"),
        ("refresh, the second", r"\d+"),
        ("revoke", "0"),
    ],
)
def test_what_one_connection_writes_is_told(large_report_of_postgresql, act, in_place):
    row = rf"^{act} +[1-9][\d,]* +[1-9][\d,]* +([\d,]+|-) +{in_place}$"
    assert re.search(row, large_report_of_postgresql, re.MULTILINE)


@on_postgresql
def test_the_large_works_run_on_postgresql(large_report_of_postgresql):
    table = large_report_of_postgresql
    assert re.search(rf"^revoke 1,000 of 2,000{FIGURES}$", table, re.MULTILINE)
    assert re.search(rf"^clear 500 of 1,200{FIGURES}$", table, re.MULTILINE)
    assert re.search(rf"^newest{TIMES} +100 +\d+ \+ \d+( +[\d,]+){{2}}$", table, re.MULTILINE)
    assert re.search(r"^revoke 1,000 of 2,000 by pages ", table, re.MULTILINE)
