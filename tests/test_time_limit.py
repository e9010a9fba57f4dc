"""Questions that the database may not think about for long."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from django.db import OperationalError, connection

from jwt_sessions.exceptions import TooSlow
from jwt_sessions.models import Session
from jwt_sessions.sessions.time_limit import Deadline, at_most

# Takes minutes, if nobody stops it.
LONG = {
    "sqlite": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
        " SELECT COUNT(*) FROM n"
    ),
    "postgresql": "SELECT pg_sleep(100)",
    "mysql": "SELECT SLEEP(100) FROM information_schema.tables",
}
LIMIT = {
    "postgresql": "SHOW statement_timeout",
    "mysql": "SELECT @@SESSION.max_statement_time",
}


def ask(sql=None):
    with connection.cursor() as cursor:
        cursor.execute(sql or LONG[connection.vendor])
        return cursor.fetchall()


def test_a_long_answer_is_not_waited_for(db):
    began = time.monotonic()
    with pytest.raises(TooSlow), at_most(0.2):
        ask()
    assert time.monotonic() - began < 5


def test_afterwards_all_is_as_before(db):
    limit = LIMIT.get(connection.vendor)
    before = limit and ask(limit)
    with pytest.raises(TooSlow), at_most(0.1):
        ask()
    with at_most(5):
        assert ask("SELECT 1")
    assert (limit and ask(limit)) == before
    assert Session.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_it_works_outside_of_transactions():
    with pytest.raises(TooSlow), at_most(0.1):
        ask()
    assert Session.objects.count() == 0


def test_other_errors_stay_what_they_are(db):
    with pytest.raises(OperationalError, match="gone"), at_most(1):
        raise OperationalError("gone")


def test_several_questions_share_the_time(db):
    deadline = Deadline(0.2)
    with pytest.raises(TooSlow):
        deadline.ask(ask)
    assert deadline.is_over
    with pytest.raises(TooSlow):
        deadline.ask(Session.objects.count)


def test_who_has_time_waits(db):
    assert Deadline(None).ask(Session.objects.count) == 0
    assert not Deadline(None).is_over


def test_the_shortest_limit_leaves_nothing_behind(db):
    limit = LIMIT.get(connection.vendor)
    before = limit and ask(limit)
    for _ in range(50):
        with suppress(TooSlow), at_most(0.0001):
            Session.objects.count()
    assert (limit and ask(limit)) == before
    assert Session.objects.count() == 0
