"""How many rows a statement reads, by what the database itself tells of it."""

from __future__ import annotations

import json
from contextlib import contextmanager

from django.db import connection

# SQLite counts the steps of its machine; so many are about one row, looked at from all sides.
STEPS = 25


class Reading:
    """The statements of a page, and what each of them has read."""

    def __init__(self):
        self.seen = []

    @property
    def worst(self):
        return max(self.seen)[0]

    def __call__(self, execute, sql, params, many, context):
        if not sql.lstrip("( ").startswith("SELECT") or "jwt_sessions" not in sql:
            return execute(sql, params, many, context)
        if connection.vendor == "postgresql":
            self.seen.append((by_analyzing(sql, params), sql))
            return execute(sql, params, many, context)
        with by_handlers() as count:
            result = execute(sql, params, many, context)
        self.seen.append((count(), sql))
        return result


@contextmanager
def reading():
    """Measure all statements about our tables, each under the settings it is sent with."""
    measured = Reading()
    if connection.vendor == "sqlite":
        with sqlite_steps(measured):
            yield measured
        return
    with connection.execute_wrapper(measured):
        yield measured


def by_analyzing(sql, params):
    with connection.connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    plan = json.loads(found) if isinstance(found, str) else found
    return rows_of(plan[0]["Plan"])


def rows_of(node):
    own = 0
    if "Scan" in node["Node Type"] and node["Node Type"] != "Subquery Scan":
        each = sum(
            node.get(name, 0)
            for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        )
        own = each * node["Actual Loops"]
    return own + sum(rows_of(child) for child in node.get("Plans", []))


@contextmanager
def by_handlers():
    def read():
        with connection.connection.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
            return sum(int(value) for _, value in cursor.fetchall())

    before = read()
    yield lambda: read() - before


@contextmanager
def sqlite_steps(measured):
    """Count the steps between one statement and the next, while its rows are fetched."""
    steps = [0]

    def step():
        steps[0] += 100
        return 0

    def collect(execute, sql, params, many, context):
        close()
        measured.seen.append([0, sql])
        return execute(sql, params, many, context)

    def close():
        if measured.seen:
            measured.seen[-1][0] = steps[0] // STEPS
        steps[0] = 0

    connection.connection.set_progress_handler(step, 100)
    try:
        with connection.execute_wrapper(collect):
            yield measured
            close()
    finally:
        connection.connection.set_progress_handler(None, 100)
