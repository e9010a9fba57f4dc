"""REVOCATION_CHECK "cached": each interleaving of a revocation, a reader and others, forced."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, connections
from django.utils import timezone

from jwt_sessions.revocation import cached
from jwt_sessions.revocation.shared_cache import SharedCache
from jwt_sessions.revocation.window import read_window
from tests.cached import DELAY, Process, later, revoke_everything_of, revoke_now, revoke_untold
from tests.racing import PATIENCE, locked

proves = pytest.mark.proves

pytest_plugins = ["tests.cached_fixtures"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.races,
    pytest.mark.xdist_group("races"),
]
# Seconds, for who waits for nobody on a busy machine.
A_WHILE = 10


class HeldRead:
    """A reading of the window that lasts until it is let go; others after it are quick."""

    def __init__(self):
        self.has_begun, self.may_end, self.times = Event(), Event(), 0

    def __call__(self):
        self.times += 1
        ids = read_window()
        if self.times == 1:
            self.has_begun.set()
            assert self.may_end.wait(PATIENCE)
        return ids


@pytest.fixture
def held(monkeypatch):
    """Let a request of another thread be about to finish reading: ``with held(process, device)``.

    What is yielded fills with its answer.
    """

    @contextmanager
    def hold(process, device):
        reading, answers = HeldRead(), []
        monkeypatch.setattr(cached, "read_window", reading)

        def ask():
            answers.append(process.check.is_revoked(device.session.pk))
            connections.close_all()

        thread = Thread(target=ask)
        thread.start()
        try:
            assert reading.has_begun.wait(PATIENCE)
            yield answers
        finally:
            reading.may_end.set()
            thread.join(PATIENCE)
        assert reading.times == 1

    return hold


# One reads, the others go on


@proves("P1", "V1", "P12")
@pytest.mark.parametrize("age", [None, DELAY + 0.001], ids=["nothing", "old"])
def test_p1_while_one_reads_what_is_not_known_the_others_ask_the_database(
    phone, laptop, other, monotonic, held, age
):
    if age is not None:
        assert other.ask(phone) == (200, 1)
        monotonic.shift(age)
    revoke_untold(laptop)
    with held(other, phone) as answers:
        began = time.monotonic()
        assert [other.ask(phone) for _ in range(3)] == [(200, 1)] * 3
        assert [other.ask(laptop) for _ in range(3)] == [(401, 1)] * 3
        assert answers == []
        assert time.monotonic() - began < A_WHILE
    assert answers == [False]
    assert (other.ask(phone), other.ask(laptop)) == ((200, 0), (401, 0))


@proves("P12")
def test_p12_from_half_of_the_delay_on_one_reads_and_the_others_go_on(
    phone, laptop, other, monotonic, held
):
    other.ask(phone)
    revoke_now(laptop)
    monotonic.shift(DELAY / 2)
    assert other.ask(phone) == (200, 0)
    monotonic.shift(0.001)
    with held(other, phone):
        assert [other.ask(phone) for _ in range(3)] == [(200, 0)] * 3
        assert other.ask(laptop) == (401, 0)
    monotonic.shift(DELAY / 2)
    assert other.ask(phone) == (200, 0)


@proves("P1", "V1", "P12")
def test_p1_many_who_know_nothing_at_once_read_once_and_answer_rightly(
    phone, laptop, other, threads, reads
):
    revoke_now(laptop)
    sids = [phone.session.pk, laptop.session.pk] * 5
    asks = [lambda sid=sid: other.check.is_revoked(sid) for sid in sids]
    found = threads(10).at_once(*asks)
    assert 1 <= len(reads) <= 10
    assert set(found[::2]) <= {False, None}
    assert set(found[1::2]) <= {True, None}
    assert (other.ask(phone), other.ask(laptop)) == ((200, 0), (401, 0))


# What is known is swapped whole


def test_a_request_ends_with_what_it_began_with(phone, laptop, other, monotonic, monkeypatch):
    revoke_now(laptop)
    assert other.ask(phone) == (200, 1)
    look, old = SharedCache.look, other.check.knowledge

    def look_while_all_changes(cache, sid):
        found = look(cache, sid)
        other.check.knowledge = old.__class__(old.epoch + 1, old.read_at, sid.bytes)
        return found

    monkeypatch.setattr(SharedCache, "look", look_while_all_changes)
    # Neither the new ids nor the new epoch are mixed into it.
    assert other.ask(phone) == (200, 0)
    assert other.check.knowledge is not old


def test_what_another_thread_has_read_in_the_meantime_is_not_read_again(
    phone, other, few_keys, monkeypatch, reads
):
    other.ask(phone)
    look = SharedCache.look

    def look_and_be_overtaken(cache, sid):
        monkeypatch.setattr(SharedCache, "look", look)
        cache.tell([None] * 2)
        found = look(cache, sid)
        assert later(other.check.is_revoked, sid) is False
        return found

    monkeypatch.setattr(SharedCache, "look", look_and_be_overtaken)
    assert other.ask(phone) == (200, 0)
    assert len(reads) == 2


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_off_while_one_reads_knows_nothing_and_reads_itself(
    phone, laptop, store
):
    revoke_now(laptop)
    this = cached.this_process()
    this.is_revoked(phone.session.pk)
    assert this.knowledge is not None
    sids = phone.session.pk, laptop.session.pk
    connection.close()  # lest two processes talk over it
    with this._reading:
        child = os.fork()
        if not child:
            # Whatever happens, the child is not to go on with the tests.
            is_right = False
            try:
                knew_nothing = cached.this_process().knowledge is None
                found = [cached.is_revoked(sid) for sid in sids]
                is_right = knew_nothing and found == [False, True]
            finally:
                os._exit(0 if is_right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert cached.this_process() is this


# A revocation in the midst of a reading


@proves("P1", "V1")
@pytest.mark.parametrize("moment", ["before", "after"])
class TestAroundTheReadingOfRows:
    @pytest.fixture(autouse=True)
    def under_way(self, phone, laptop, other, around_read, moment):
        """A request that reads, and lets it happen. It began before, and may be let in or not."""
        around_read(**{moment: lambda: revoke_everything_of(phone.session.user)})
        return lambda: other.ask(laptop)

    def test_p1_what_is_committed_is_refused_on_the_next_request(self, phone, other, under_way):
        under_way()
        assert other.ask(phone) == (401, 0)

    def test_p1_so_are_many_by_their_epoch(self, few_keys, phone, other, store, under_way):
        under_way()
        assert other.ask(phone) == (401, 0)
        assert other.check.knowledge.epoch == store.epoch


@proves("P1", "V1")
def test_p1_what_a_slow_reading_has_missed_is_refused_within_the_delay_from_its_beginning(
    phone, other, around_read, monotonic
):
    def happen():
        monotonic.shift(4)
        revoke_untold(phone)

    around_read(after=happen)
    assert other.ask(phone).status == 200
    assert other.check.knowledge.read_at == 1_000
    monotonic.shift(DELAY - 4 + 0.001)
    assert other.ask(phone).status == 401


@proves("P1", "V1")
def test_p1_a_set_that_fails_while_another_thread_reads_is_no_delay_in_the_process_itself(
    phone, laptop, store, monotonic, held
):
    this = Process()
    with held(this, laptop):
        monotonic.shift(0.001)
        with this.at_work(), store.full():
            revoke_now(phone)
    assert this.ask(phone).status == 401


# A revocation that is committed late


@proves("P1", "V1")
@pytest.mark.parametrize("is_told", [True, False])
def test_p1_what_began_before_the_last_reading_and_is_committed_after_it_is_not_lost(
    phone, laptop, other, clock, monotonic, is_told
):
    # A revocation that is known by then, and is later than the one under way.
    revoke_untold(laptop, at=timezone.now() + timedelta(seconds=20))
    with locked(lambda: (revoke_now if is_told else revoke_untold)(phone)):
        clock.shift(20)
        assert other.ask(phone) == (200, 1)
        assert other.knows == [laptop.session.pk]
        clock.shift(20)
    if is_told:
        assert other.ask(phone) == (401, 0)
    else:
        assert other.ask(phone) == (200, 0)
        monotonic.shift(DELAY + 0.001)
        assert other.ask(phone) == (401, 1)
