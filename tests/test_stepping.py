"""A bulk revocation in short steps."""

from __future__ import annotations

import json

import pytest
from django.db import transaction

from jwt_sessions import sessions, signals
from jwt_sessions.exceptions import BadCriteria, TooSlow, UserGone
from jwt_sessions.models import BulkRevocation, Session
from jwt_sessions.sessions import Criteria, Position, batching, bulk, previewing, stepping
from jwt_sessions.sessions.time_limit import Deadline
from tests.operators import OneBatch
from tests.people import make_user
from tests.racing import locked

WHY = {"reason": "credentials_leaked", "note": "Found on a web page."}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let ten sessions be many."""
    monkeypatch.setattr(batching, "PAUSE", 0)
    monkeypatch.setattr(bulk.Run.__init__, "__defaults__", (3,))
    monkeypatch.setattr(stepping, "WINDOW", 4)


@pytest.fixture
def crowd(alice, bob):
    """Ten sessions of alice and bob, in turn."""
    return [sessions.start(user).session for user in [alice, bob] * 5]


@pytest.fixture
def slow(monkeypatch):
    """Let no question be answered in time."""

    def ask(self, question):
        raise TooSlow

    monkeypatch.setattr(Deadline, "ask", ask)


def walk(record, *, seconds=1.0):
    """Step until it is finished; return the positions."""
    positions = [None]
    for _ in range(100):
        position = sessions.revoke_some(record, position=positions[-1], seconds=seconds)
        if position is None:
            return positions
        # As a page hands it on.
        positions.append(Position.from_json(json.loads(json.dumps(position.to_json()))))
    pytest.fail("it does not end")


def record_all(**given):
    return sessions.record_revocation(Criteria(everyone=True), **{**WHY, **given})


@pytest.mark.django_db(transaction=True)
class TestCommitted:
    def test_first_it_is_on_record_and_nothing_is_revoked(self, crowd, alice):
        record = record_all(by=alice)
        assert (record.total, record.total_is_estimate, record.done) == (10, False, 0)
        assert (record.reason, record.note, record.by) == (*WHY.values(), alice)
        assert not Session.objects.revoked().exists()

    def test_it_is_done_step_by_step(self, crowd):
        record = record_all()
        sessions.revoke_some(record, seconds=0)
        assert not Session.objects.revoked().exists()
        walk(record)
        record.refresh_from_db()
        assert (record.done, record.is_finished) == (10, True)
        assert Session.objects.filter(bulk_revocation=record).revoked().count() == 10

    def test_a_step_ends_when_its_time_is_up(self, crowd, monkeypatch):
        record = record_all()
        times = iter([False, True])
        monkeypatch.setattr(Deadline, "is_over", property(lambda self: next(times)))
        position = sessions.revoke_some(record)
        assert Session.objects.revoked().count() == 3
        assert position.after == sorted(each.pk for each in crowd)[2]

    @pytest.mark.parametrize("at", [None, Position(), Position(in_windows=True)])
    def test_whoever_goes_on_from_the_beginning_misses_nothing(self, crowd, at, monkeypatch):
        record = record_all()
        times = iter([False, True])
        with monkeypatch.context() as patched:
            patched.setattr(Deadline, "is_over", property(lambda self: next(times)))
            sessions.revoke_some(record)
        while (at := sessions.revoke_some(record, position=at)) is not None:
            pass
        record.refresh_from_db()
        assert (record.done, record.is_finished) == (10, True)

    def test_where_finding_them_is_slow_it_looks_in_windows(self, crowd, alice, slow):
        record = BulkRevocation.objects.create(criteria={"users": [str(alice.pk)]}, **WHY)
        assert walk(record)[1].in_windows
        record.refresh_from_db()
        assert (record.done, record.is_finished) == (5, True)
        assert not Session.objects.filter(user=alice).unrevoked().exists()

    def test_sessions_that_begin_later_are_left_alone(self, crowd, bob, clock):
        record = record_all()
        clock.shift(1)
        later = sessions.start(bob).session
        walk(record)
        assert not Session.objects.get(pk=later.pk).is_revoked

    def test_what_others_have_locked_is_left_for_the_next_walk(self, crowd):
        if not batching.has_locks():
            pytest.skip("SQLite locks no rows")
        record = record_all()
        with locked(Session.objects.select_for_update().filter(pk=crowd[4].pk).get):
            position = sessions.revoke_some(record)
            assert position == Position()
        assert Session.objects.revoked().count() == 9
        walk(record)
        assert Session.objects.revoked().count() == 10

    def test_one_that_is_finished_is_left_alone(self, crowd, bob, clock):
        record = record_all()
        walk(record)
        clock.shift(1)
        sessions.start(bob)
        assert sessions.revoke_some(record) is None
        assert Session.objects.unrevoked().count() == 1

    def test_the_end_is_announced_once(self, crowd, heard):
        messages = heard(signals.bulk_revocation_finished)
        record = record_all()
        walk(record)
        sessions.resume_revocation(record)
        assert [message["record"] for message in messages] == [record]
        assert messages[0]["record"].done == 10

    def test_nobody_there_is_no_operator(self, crowd):
        somebody = make_user("somebody")
        key = somebody.pk
        somebody.delete()
        somebody.pk = key
        with pytest.raises(UserGone):
            record_all(by=somebody)
        assert not BulkRevocation.objects.exists()

    def test_it_refuses_a_transaction_of_the_callers(self, crowd):
        record = record_all()
        with transaction.atomic(), pytest.raises(RuntimeError):
            sessions.revoke_some(record)

    def test_words_that_are_no_criteria_are_refused(self, crowd):
        record = BulkRevocation.objects.create(criteria={"list": "of our own"}, **WHY)
        with pytest.raises(BadCriteria):
            sessions.revoke_some(record)


@pytest.mark.parametrize("data", [None, 5, [], [1, 2, 3], ["x", True, False], "abc", [None] * 4])
def test_what_is_no_position_is_refused(data):
    with pytest.raises(ValueError, match="no position"):
        Position.from_json(data)


def test_a_position_is_read_as_it_was_written(crowd):
    position = Position(crowd[0].pk, has_found=True, in_windows=True)
    assert Position.from_json(position.to_json()) == position


def test_a_count_that_takes_long_is_estimated(crowd, alice, slow):
    assert previewing.count_about(Session.objects.filter(user=alice), Deadline(1)) == (5, True)


def test_a_preview_that_takes_long_is_estimated(crowd, alice, bob, slow):
    ahead = sessions.preview(Session.objects.filter(user=alice), seconds=1)
    assert (ahead.count, ahead.people, ahead.kinds) == (5, 1, {"api": 5})
    assert (ahead.sample, ahead.is_estimate) == ([(alice, 5)], True)


def test_an_estimate_of_people_is_not_one_of_sessions(crowd, alice, bob, slow, monkeypatch):
    monkeypatch.setattr(previewing, "SESSIONS_ASKED", 5)
    for _ in range(10):
        sessions.start(alice)
    ahead = sessions.preview(Session.objects.all(), seconds=1)
    assert ahead.count == 20
    assert 1 <= ahead.people <= 4


def test_nobody_at_all_is_estimated_too(db, slow):
    ahead = sessions.preview(Session.objects.all(), seconds=1)
    assert (ahead.count, ahead.people, ahead.kinds, ahead.sample) == (0, 0, {}, [])


def test_a_preview_without_limit_is_exact(crowd):
    assert not sessions.preview(Session.objects.all()).is_estimate


@pytest.mark.parametrize("place", [0, 4, 9])
def test_the_session_of_who_does_it_is_the_last(crowd, place, monkeypatch):
    monkeypatch.setattr(stepping, "Deadline", OneBatch)
    record, own, position = record_all(), crowd[place], None
    for _ in range(20):
        position = sessions.revoke_some(record, position=position, last=own.pk)
        left = set(Session.objects.unrevoked().values_list("pk", flat=True))
        assert left == set() if position is None else own.pk in left
        if position is None:
            break
    record.refresh_from_db()
    assert (record.done, record.is_finished) == (10, True)


def test_a_last_session_that_is_not_concerned_stays(crowd, alice, bob):
    record = sessions.record_revocation(Criteria(users=[bob.pk]), **WHY)
    own = next(session for session in crowd if session.user == alice)
    position = None
    for _ in range(20):
        position = sessions.revoke_some(record, position=position, last=own.pk)
    record.refresh_from_db()
    assert (record.done, record.is_finished) == (5, True)
    assert Session.objects.unrevoked().filter(pk=own.pk).exists()
