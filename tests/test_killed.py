"""A process that is killed between a write to the database and the answer loses nothing."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from jwt_sessions import sessions
from jwt_sessions.models import BulkRevocation, RevokedReason, Session
from tests.people import make_user
from tests.racing import die_apart

pytestmark = pytest.mark.django_db(transaction=True)

# Serves one request, and is killed when it has committed, before anybody is answered.
DYING = """
import os, signal, sys
import django

django.setup()
from jwt_sessions import signals
from tests.people import Device

moment, method, argument = sys.argv[1:]
getattr(signals, moment).connect(lambda **facts: os.kill(os.getpid(), signal.SIGKILL), weak=False)
device = Device()
device.access = argument
getattr(device, method)(*[argument] if method == "refresh" else ["logout/"])
print("answered")
"""


@pytest.fixture(autouse=True)
def clock():
    """The real one: the process that dies knows no other."""


@pytest.fixture
def alice(db):
    return make_user("alice")


def die(moment, method, argument):
    assert die_apart("-c", DYING, moment, method, argument) == ""


@pytest.mark.proves("P3", "R4")
def test_p3_killed_after_the_rotation_the_clients_retry_gets_a_working_pair(phone):
    token = phone.refresh_token
    die("session_refreshed", "refresh", token)
    assert phone.session.refresh_token.generation == 1
    assert phone.refresh(token).status_code == 200
    assert phone.call_protected().status_code == 200
    assert phone.refresh().status_code == 200


@pytest.mark.proves("P4", "R2")
def test_p4_killed_right_after_a_reuse_the_session_stays_ended(phone):
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    die("session_revoked", "refresh", old)
    assert phone.session.revoked_reason == RevokedReason.TOKEN_REUSED
    assert phone.call_protected().status_code == 401
    assert phone.refresh().status_code == 401


@pytest.mark.proves("P1", "V1")
def test_p1_killed_right_after_a_sign_out_the_session_stays_ended(phone):
    die("session_revoked", "post", phone.access)
    assert phone.call_protected().status_code == 401


# Revokes all sessions, some at a time, and is killed at a moment of the second batch.
DYING_IN_BULK = """
import os, signal, sys
import django

django.setup()
from django.core.management import call_command
from django.db import connection
from jwt_sessions.sessions import bulk

statement, times = sys.argv[1], 2

def die(execute, sql, *arguments):
    global times
    times -= sql.startswith(statement)
    if not times:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(sql, *arguments)

with connection.execute_wrapper(die):
    why = ("--reason", "credentials_leaked")
    call_command("revokesessions", "--all", "--yes", *why, "--batch-size", "4")
print("ended")
"""


@pytest.mark.proves("P5", "V1", "P12")
@pytest.mark.parametrize(
    "table", ["jwt_sessions_session", "jwt_sessions_bulkrevocation"], ids=["before", "within"]
)
def test_p5_killed_half_way_it_goes_on_where_it_was(alice, table):
    for _ in range(10):
        sessions.start(alice)
    statement = f"UPDATE {connection.ops.quote_name(table)}"
    assert "ended" not in die_apart("-c", DYING_IN_BULK, statement)
    record = BulkRevocation.objects.get()
    assert record.done == Session.objects.filter(bulk_revocation=record).count() == 4
    call_command("revokesessions", "--resume", str(record.pk), "--yes")
    record = BulkRevocation.objects.get()
    assert record.done == Session.objects.filter(bulk_revocation=record).count() == 10
    assert record.is_finished
