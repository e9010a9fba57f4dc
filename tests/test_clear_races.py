"""Clearing beside itself, beside people at work, and cut off half-way."""

from __future__ import annotations

from datetime import timedelta
from threading import Event

import pytest
from django.db import connection
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, RevokedReason, Session
from jwt_sessions.revocation import window_length
from jwt_sessions.sessions import clear_expired
from tests.old_sessions import make_live, make_sessions
from tests.people import Device
from tests.racing import connect, die_apart, locked, run_apart

pytestmark = [
    pytest.mark.races,
    pytest.mark.usefixtures("throttles_off"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("races"),
]

NUMBER = 3_000
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock():
    """The real one: processes of their own know no other."""


def assert_left(number):
    assert Session.objects.count() == RefreshToken.objects.count() == number
    assert not RefreshToken.objects.exclude(session__in=Session.objects.all()).exists()


def clear_in_bits():
    connect()
    return clear_expired(batch_size=50)


def test_two_at_once_share_the_work_and_their_counts_add_up(alice, threads):
    make_sessions(alice, NUMBER)
    make_sessions(alice, NUMBER, revoked=100 * DAY)
    make_live(alice, 5)
    counts = threads(4).at_once(*[clear_in_bits] * 4)
    assert sum(counts) + clear_expired() == 2 * NUMBER
    assert_left(5)


CLEARING = """
import django

django.setup()
from django.core.management import call_command

call_command("clearexpiredsessions", "--batch-size=50")
"""


def test_processes_share_the_work_too(alice, threads):
    make_sessions(alice, NUMBER)
    done = threads(2).at_once(*[lambda: run_apart("-c", CLEARING)] * 2)
    assert [each.returncode for each in done] == [0, 0]
    counts = [int(each.stdout.splitlines()[-1].split()[1].replace(",", "")) for each in done]
    assert sum(counts) + clear_expired() == NUMBER
    assert_left(0)


def test_what_another_one_holds_is_left_for_the_next_time(alice):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database has no SKIP LOCKED")
    first = make_sessions(alice, 20)[0]
    held = Session.objects.filter(pk=first).select_for_update()
    with locked(held.get):
        assert clear_expired(batch_size=5) == 19
    assert clear_expired() == 1


def test_people_sign_in_refresh_and_sign_out_meanwhile(alice, threads):
    make_sessions(alice, NUMBER)
    is_cleared, devices = Event(), [Device() for _ in range(3)]

    def clear():
        try:
            return clear_in_bits()
        finally:
            is_cleared.set()

    def work(device):
        connect()
        answers = []
        while not (is_cleared.is_set() and answers):
            answers += [
                device.sign_in(alice),
                device.refresh(),
                device.call_protected(),
                device.refresh(),
                device.post("logout/"),
            ]
        return {answer.status_code for answer in answers}

    count, *found = threads(4).at_once(clear, *[lambda one=one: work(one) for one in devices])
    assert count == NUMBER
    assert found == [{200, 204}] * 3
    assert not Session.objects.filter(revoked_at=None).exists()


@pytest.mark.proves("P5", "R6")
def test_p5_a_refresh_of_what_is_being_cleared_is_refused_or_was_in_time(alice, threads):
    pair_of_threads = threads(2)
    for _ in range(50):
        device, pair = Device(), sessions.start(alice)
        device.access, device.refresh_token = pair.access, pair.refresh
        this = Session.objects.filter(pk=pair.session.pk)
        this.revoke(reason=RevokedReason.SIGNED_OUT, at=timezone.now() - window_length())
        answer, count = pair_of_threads.at_once(
            device.refresh, lambda: clear_expired(retain_revoked=timedelta(0))
        )
        assert (answer.status_code, count) == (401, 1)
    assert_left(0)


def test_a_refresh_that_has_read_what_is_then_cleared_is_refused(phone, after_load):
    def clear():
        past = timezone.now()
        Session.objects.filter(pk=phone.sid).update(expires_at=past)
        assert clear_expired() == 1

    after_load(clear)
    assert phone.refresh().status_code == 401
    assert_left(0)


# Is killed in the third batch, when all its statements are done and none is committed.
DYING = """
import os, signal
import django

django.setup()
from django.db import connection
from jwt_sessions.sessions import clear_expired

deleted = []

def die(execute, sql, *arguments):
    result = execute(sql, *arguments)
    if sql.startswith("DELETE") and "jwt_sessions_session" in sql.split("WHERE")[0]:
        deleted.append(sql)
        if len(deleted) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
    return result

with connection.execute_wrapper(die):
    clear_expired(batch_size=500)
"""


def test_killed_half_way_nothing_is_half_done_and_the_next_run_does_the_rest(alice):
    make_sessions(alice, NUMBER)
    make_live(alice, 5)
    die_apart("-c", DYING)
    assert_left(NUMBER - 2 * 500 + 5)
    assert clear_expired() == NUMBER - 2 * 500
    assert_left(5)
