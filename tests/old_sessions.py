"""Sessions by the hundred that ended some time ago, and the statements that clear them."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from jwt_sessions.models import RefreshToken, Session

LONG_AGO = timedelta(days=200)


def make_sessions(user, number, *, ended=timedelta(0), revoked=None, apart=timedelta(seconds=1)):
    """Make sessions that ended so long ago, each a little before the other."""
    now = timezone.now()
    made = [
        Session(
            user=user,
            auth_time=now - LONG_AGO,
            created_at=now - LONG_AGO,
            expires_at=now - ended - each * apart,
            revoked_at=None if revoked is None else now - revoked - each * apart,
        )
        for each in range(number)
    ]
    Session.objects.bulk_create(made, batch_size=500)
    RefreshToken.objects.bulk_create(
        [RefreshToken(session=one, last_seen_at=now, idle_expires_at=now) for one in made],
        batch_size=500,
    )
    return [one.pk for one in made]


def make_live(user, number):
    return make_sessions(user, number, ended=-timedelta(days=20))


@contextmanager
def statements():
    """Collect the statements, as they are sent."""
    sent = []

    def collect(execute, sql, params, many, context):
        sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(collect):
        yield sent


def plan_of(sql, params):
    """Return how the database goes about a statement, as text."""
    word = {"sqlite": "EXPLAIN QUERY PLAN", "mysql": "EXPLAIN FORMAT=JSON"}
    with connection.cursor() as cursor:
        cursor.execute(f"{word.get(connection.vendor, 'EXPLAIN')} {sql}", params)
        return "\n".join(str(row) for row in cursor.fetchall())


def analyze():
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("ANALYZE TABLE jwt_sessions_session, jwt_sessions_pendinglogin")
            cursor.fetchall()
        else:
            cursor.execute("ANALYZE")


def forget_statistics():
    """Let SQLite know of its tables what it knows of them where nobody has analyzed."""
    with connection.cursor() as cursor:
        for table in ("sqlite_stat1", "sqlite_stat4"):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
        # Analyzes nothing, and reads again what is there.
        cursor.execute("ANALYZE sqlite_master")
