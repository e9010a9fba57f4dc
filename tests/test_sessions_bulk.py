"""Many sessions revoked in batches."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Exists, OuterRef
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jwt_sessions import sessions, signals
from jwt_sessions.exceptions import BadCriteria, UserGone
from jwt_sessions.models import BulkRevocation, RefreshToken, RevokedReason, Session
from jwt_sessions.sessions import batching, bulk
from tests.people import Device, make_user
from tests.racing import IMPATIENCE, locked, say

proves = pytest.mark.proves


@pytest.fixture(autouse=True)
def no_gap(monkeypatch):
    monkeypatch.setattr(batching, "PAUSE", 0)


@pytest.fixture
def crowd(alice, bob):
    """Ten sessions of alice and bob, in turn."""
    return [sessions.start(user).session for user in [alice, bob] * 5]


def revoke(queryset=None, **given):
    queryset = Session.objects.all() if queryset is None else queryset
    return sessions.revoke_in_batches(queryset, **{"reason": "credentials_leaked", **given})


def assert_counted(record, number):
    """The record tells the truth, and all that it says is done."""
    record.refresh_from_db()
    pointing = Session.objects.filter(bulk_revocation=record).revoked()
    assert record.done == pointing.count() == number
    assert record.is_finished


class Interrupted(Exception):
    """What a process dies of in a test."""


def stop_after(batches):
    """Stop when so many batches are done."""
    left = iter(range(batches))

    def stop(record):
        if next(left, None) is None:
            raise Interrupted

    return stop


@proves("P1", "V1")
def test_p1_access_tokens_are_refused_on_the_next_request(alice, bob, phone):
    other = Device()
    other.sign_in(bob)
    record = revoke()
    assert (record.total, record.done) == (2, 2)
    for device in (phone, other):
        assert device.call_protected().status_code == device.refresh().status_code == 401


def test_what_is_written_to_sessions_and_to_the_record(alice, crowd, clock):
    clock.shift(60)
    record = revoke(by=alice, criteria={"everyone": True})
    assert_counted(record, 10)
    assert (record.by, record.reason, record.total) == (alice, "credentials_leaked", 10)
    assert record.criteria == {"everyone": True}
    assert record.started_at == record.finished_at == timezone.now()
    session = Session.objects.all()[3]
    assert session.revoked_reason == RevokedReason.REVOKED_BY_STAFF
    assert (session.revoker, session.revoked_at) == (alice, timezone.now())
    assert session.revoked_by is None


@pytest.mark.parametrize("batch_size", [1, 3, 10, 11])
def test_all_batches_together_are_all_sessions(crowd, batch_size, monkeypatch):
    monkeypatch.setattr(bulk, "BATCHES_READ_AHEAD", 2)
    assert_counted(revoke(batch_size=batch_size), 10)
    assert not Session.objects.live().exists()


def test_sessions_of_others_live(alice, bob, crowd):
    assert_counted(revoke(Session.objects.filter(user=alice)), 5)
    assert Session.objects.live().filter(user=bob).count() == 5


def test_ended_sessions_are_left_alone(alice, crowd):
    now = timezone.now()
    sessions.revoke(crowd[0].pk, reason=RevokedReason.SIGNED_OUT)
    Session.objects.filter(pk=crowd[1].pk).update(expires_at=now)
    assert_counted(revoke(), 8)
    assert Session.objects.get(pk=crowd[0].pk).revoked_reason == RevokedReason.SIGNED_OUT
    assert not Session.objects.get(pk=crowd[1].pk).is_revoked


@proves("P5")
def test_p5_a_session_that_lies_unused_is_concerned_for_a_refresh_may_prolong_it(crowd):
    RefreshToken.objects.update(idle_expires_at=timezone.now())
    assert_counted(revoke(), 10)


def test_who_signs_in_meanwhile_stays_signed_in(alice, crowd, clock):
    late = []

    def sign_in(record):
        clock.shift(1)
        late.append(sessions.start(alice).session.pk)

    assert_counted(revoke(batch_size=5, progress=sign_in), 10)
    assert set(Session.objects.live().values_list("pk", flat=True)) == set(late)


def test_progress_is_told_from_the_record_on_batch_by_batch(crowd):
    told = []
    record = revoke(batch_size=4, progress=lambda record: told.append((record.pk, record.done)))
    assert told == [(record.pk, done) for done in (0, 4, 8, 10)]


def test_a_signal_is_sent_for_each_batch_that_is_committed(alice, crowd, heard, committed):
    messages = heard(signals.session_revoked)
    with committed():
        revoke(batch_size=6, by=alice)
    assert [message["count"] for message in messages] == [6, 4]
    facts = {"session_id": None, "user": None, "by": alice, "request": None}
    assert facts.items() <= messages[0].items()
    assert messages[0]["reason"] == RevokedReason.REVOKED_BY_STAFF


def test_nobody_concerned_is_a_record_too(alice):
    assert_counted(revoke(), 0)


@proves("P12")
def test_p12_statements_are_as_many_for_each_batch_however_large(alice, crowd):
    def count(batch_size):
        Session.objects.update(revoked_at=None, bulk_revocation=None)
        with CaptureQueriesContext(connection) as statements:
            revoke(batch_size=batch_size, by=alice)
        return len([each for each in statements if "SAVEPOINT" not in each["sql"]])

    alone, two, five = count(10), count(5), count(2)
    # The locks on sessions and, on MariaDB, the record. Then what changes both.
    assert two - alone == {"sqlite": 2, "postgresql": 3, "mysql": 4}[connection.vendor]
    assert five - alone == 4 * (two - alone)


def rows_of(alice):
    group = alice.groups.create(name="crew")
    other = alice.groups.create(name="other")
    devices = RefreshToken.objects.filter(pk=OuterRef("pk"))
    return {
        "join": Session.objects.filter(user__email=alice.email),
        "distinct": Session.objects.filter(user__groups__in=[group, other]).distinct(),
        "many rows": Session.objects.filter(user__groups__in=[group, other]),
        "outer join": Session.objects.filter(user=alice).exclude(user__groups__name="x"),
        "annotation": Session.objects.annotate(n=Count("user__groups")).filter(n=2),
        "exists": Session.objects.filter(Exists(devices), user=alice),
        "ordered": Session.objects.filter(user=alice).order_by("user__email", "-id"),
        "loaded along": Session.objects.filter(user=alice).select_related("user", "revoked_by"),
        "values": Session.objects.filter(user=alice).values("kind"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("join", "distinct", "many rows", "outer join", "annotation", "exists", "ordered"),
        *("loaded along", "values"),
    ],
)
def test_any_query_of_sessions_will_do(alice, bob, crowd, kind):
    assert_counted(revoke(rows_of(alice)[kind], batch_size=2), 5)
    assert Session.objects.live().filter(user=bob).count() == 5


@pytest.mark.parametrize(
    "bend",
    [
        lambda rows: rows[:5],
        lambda rows: rows.union(rows),
        lambda rows: rows.intersection(rows),
    ],
    ids=["slice", "union", "intersection"],
)
def test_what_cannot_be_walked_is_refused_before_anything_is_written(crowd, bend):
    with pytest.raises(ValueError, match="sliced or combined"):
        revoke(bend(Session.objects.all()))
    assert not BulkRevocation.objects.exists()


@pytest.mark.parametrize("given", [{"reason": "A leak."}, {"batch_size": 0}])
def test_what_makes_no_sense_is_refused_before_anything_is_written(crowd, given):
    with pytest.raises(ValueError, match="A b"):
        revoke(**given)
    assert not BulkRevocation.objects.exists()


# resumed


def interrupt(batches=1, **given):
    with pytest.raises(Interrupted):
        revoke(batch_size=3, progress=stop_after(batches), **given)
    return BulkRevocation.objects.get()


@proves("V1")
def test_what_was_cut_off_says_how_far_it_came(crowd):
    record = interrupt(2)
    assert (record.total, record.done, record.is_finished) == (10, 6, False)
    assert list(BulkRevocation.objects.unfinished()) == [record]
    assert Session.objects.filter(bulk_revocation=record).count() == 6


def test_it_is_resumed_from_its_record_the_next_day(alice, crowd, clock):
    criteria = sessions.Criteria(users=[alice])
    interrupt(queryset=criteria.sessions(), criteria=criteria.to_json(), by=alice)
    clock.shift(86_400)
    late = sessions.start(alice).session
    record = sessions.resume_revocation(BulkRevocation.objects.get())
    assert_counted(record, 5)
    assert not Session.objects.get(pk=late.pk).is_revoked
    assert {session.revoker for session in record.sessions.all()} == {alice}


def test_it_is_resumed_with_a_query(alice, bob, crowd):
    record = interrupt(queryset=Session.objects.filter(user=alice))
    sessions.resume_revocation(record, Session.objects.filter(user=alice))
    assert_counted(record, 5)


def test_without_criteria_or_query_nothing_is_resumed(crowd):
    record = interrupt()
    with pytest.raises(BadCriteria):
        sessions.resume_revocation(record)


def test_what_is_finished_is_left_alone(alice, crowd):
    record = revoke(criteria={"everyone": True})
    finished_at = record.finished_at
    assert sessions.resume_revocation(record).finished_at == finished_at


# beside others


@pytest.mark.django_db(transaction=True)
class TestCommitted:
    def test_within_a_transaction_of_the_callers_it_is_refused(self, crowd):
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            revoke()
        assert not BulkRevocation.objects.exists()
        assert Session.objects.live().count() == 10

    @proves("P5", "V1")
    def test_p5_a_session_that_is_locked_is_revoked_in_the_end(self, crowd):
        if not connection.features.has_select_for_update:
            pytest.skip("SQLite locks no rows")
        told, third = [], Session.objects.filter(pk=crowd[2].pk)
        with ExitStack() as stack:
            stack.enter_context(locked(lambda: third.update(device_name="Mine")))

            def let_go_in_the_end(record):
                told.append(record.done)
                if record.done == 9:
                    stack.close()

            record = revoke(batch_size=2, progress=let_go_in_the_end)
        assert told[-2:] == [9, 10]
        assert_counted(record, 10)

    @proves("P8")
    def test_who_waits_too_long_is_told_and_it_can_be_resumed(self, crowd):
        if not connection.features.has_select_for_update:
            pytest.skip("SQLite locks no rows")
        third = Session.objects.filter(pk=crowd[2].pk)
        say(IMPATIENCE)
        with locked(lambda: third.update(device_name="Mine")), pytest.raises(OperationalError):
            revoke(criteria={"everyone": True})
        connection.close()
        record = BulkRevocation.objects.get()
        assert (record.done, record.is_finished) == (9, False)
        sessions.resume_revocation(record)
        assert_counted(record, 10)

    @proves("P5")
    def test_p5_a_batch_that_failed_is_tried_again_and_counted_once(self, crowd, monkeypatch):
        failures = iter([True, False, True])
        announce = bulk.Run._announce

        def fail_now_and_then(run, count):
            if next(failures, False):
                raise OperationalError("deadlock detected")
            announce(run, count)

        monkeypatch.setattr(bulk.Run, "_announce", fail_now_and_then)
        assert_counted(revoke(batch_size=5), 10)

    def test_whoever_is_deleted_before_it_begins_begins_nothing(self, crowd):
        chief = make_user("chief")
        get_user_model().objects.get(pk=chief.pk).delete()
        with pytest.raises(UserGone):
            revoke(by=chief)
        assert not BulkRevocation.objects.exists()
        assert Session.objects.live().count() == 10

    def test_whoever_began_it_may_be_deleted_meanwhile(self, crowd):
        chief = make_user("chief")

        def delete(record):
            if record.done == 5:
                get_user_model().objects.get(pk=chief.pk).delete()

        record = revoke(by=chief, batch_size=5, progress=delete)
        assert_counted(record, 10)
        assert record.by is None
