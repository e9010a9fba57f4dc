"""``sessions.clear_expired``: which rows go, with what, and what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import signals
from django.utils import timezone

from jwt_sessions import mfa, sessions
from jwt_sessions.models import (
    BulkRevocation,
    PendingLogin,
    RefreshToken,
    RevokedReason,
    SecurityEvent,
    Session,
)
from jwt_sessions.revocation import window_length
from jwt_sessions.sessions import clear_expired
from tests.old_sessions import analyze, make_live, make_sessions, plan_of, statements

proves = pytest.mark.proves

DAY = timedelta(days=1)
NEVER = timedelta(days=10_000)


def left():
    """The ids of all sessions; each has its refresh token still, and no token is without one."""
    ids = set(Session.objects.values_list("pk", flat=True))
    assert ids == set(RefreshToken.objects.values_list("pk", flat=True))
    return ids


# Which


def test_what_expired_goes_with_its_refresh_token_and_what_lives_stays(alice, phone):
    make_sessions(alice, 3)
    live = make_live(alice, 3)
    assert clear_expired() == 3
    assert left() == {*live, phone.session.pk}
    assert phone.call_protected().status_code == phone.refresh().status_code == 200


def test_a_session_goes_at_its_end_not_before(phone, clock):
    clock.shift(30 * DAY - timedelta(seconds=1))
    assert clear_expired() == 0
    clock.shift(1)
    assert clear_expired() == 1


def test_a_session_that_lies_unused_waits_for_its_absolute_end(phone, clock):
    clock.shift(2 * DAY)
    assert phone.session.is_expired
    assert clear_expired() == 0


def test_what_expired_can_be_kept_for_some_time(alice):
    kept = make_sessions(alice, 2, ended=6 * DAY)
    make_sessions(alice, 2, ended=8 * DAY)
    assert clear_expired(retain_expired=7 * DAY) == 2
    assert left() == set(kept)


def test_a_revoked_session_is_kept_for_ninety_days_though_it_expires_meanwhile(phone, clock):
    phone.post("logout/")
    clock.shift(89 * DAY)
    assert clear_expired() == 0
    clock.shift(DAY)
    assert clear_expired() == 1


@proves("P1", "P5", "V1")
def test_p1_the_tokens_of_a_cleared_session_stay_refused(phone, laptop, clock):
    gone = phone.session.pk
    sessions.revoke(gone, reason=RevokedReason.SIGNED_OUT)
    assert refused(phone)
    clock.shift(window_length())
    assert clear_expired(retain_revoked=timedelta(0)) == 1
    assert not Session.objects.filter(pk=gone).exists()
    assert refused(phone)
    assert laptop.refresh().status_code == 200
    assert laptop.call_protected().status_code == 200


def refused(device):
    answers = [
        device.call_protected(),
        device.refresh(),
        device.post("token/verify/", {"token": device.refresh_token}, signed_in=False),
    ]
    return [answer.status_code for answer in answers] == [401] * 3


@proves("P1", "V1", "V8")
def test_p1_a_revoked_session_is_kept_while_it_may_have_access_tokens(phone, clock):
    sessions.revoke(phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    clock.shift(window_length() - timedelta(microseconds=1))
    assert clear_expired(retain_revoked=timedelta(0)) == 0
    clock.shift(timedelta(microseconds=1))
    assert clear_expired(retain_revoked=timedelta(0)) == 1


def test_periods_longer_than_time_itself_clear_nothing(alice):
    kept = make_sessions(alice, 1) + make_sessions(alice, 1, revoked=100 * DAY)
    assert clear_expired(retain_expired=timedelta.max, retain_revoked=timedelta.max) == 0
    assert left() == set(kept)


def test_a_deleted_users_sessions_go_too(alice, phone, clock):
    alice.delete()
    clock.shift(90 * DAY)
    assert clear_expired() == 1


# How many at a time


def test_no_more_go_than_the_limit_says_the_oldest_first(alice):
    ids = make_sessions(alice, 10)
    told = []
    assert clear_expired(limit=7, batch_size=3, progress=told.append) == 7
    assert told == [3, 6, 7]
    assert left() == set(ids[:3])
    assert clear_expired(limit=0) == 0
    assert clear_expired(limit=7) == 3


@pytest.mark.parametrize("revoked", [None, 100 * DAY])
@pytest.mark.parametrize("apart", [timedelta(0), timedelta(microseconds=1)])
def test_all_go_also_those_that_ended_in_one_moment(alice, revoked, apart):
    make_sessions(alice, 50, revoked=revoked, apart=apart)
    live = make_live(alice, 2)
    assert clear_expired(batch_size=7) == 50
    assert left() == set(live)


def test_revoked_in_one_moment_and_ending_in_many(alice, clock):
    ids = make_sessions(alice, 50)
    Session.objects.filter(pk__in=ids).revoke(reason=RevokedReason.SIGNED_OUT)
    assert clear_expired() == 0
    clock.shift(window_length())
    assert clear_expired(retain_revoked=timedelta(0), batch_size=7) == 50


# What else


def test_security_events_stay_and_name_the_session_no_more(phone, clock):
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    phone.refresh(old)
    assert SecurityEvent.objects.get().session == phone.session
    clock.shift(90 * DAY)
    assert clear_expired() == 1
    assert SecurityEvent.objects.get().session is None
    assert SecurityEvent.objects.get().user is not None


def test_the_record_of_a_bulk_revocation_stays(alice, phone, clock):
    record = BulkRevocation.objects.create(by=alice, reason="a stolen database", total=1, done=1)
    Session.objects.revoke(reason=RevokedReason.REVOKED_BY_STAFF, bulk_revocation=record)
    clock.shift(90 * DAY)
    assert clear_expired() == 1
    assert BulkRevocation.objects.get() == record


@pytest.fixture
def note(transactional_db):
    """A model of the project's with foreign keys to sessions that have no way back."""

    class Note(models.Model):
        session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="+")
        other = models.ForeignKey(Session, on_delete=models.SET_NULL, null=True, related_name="+")

        class Meta:
            app_label = "user_models"

    with connection.schema_editor() as editor:
        editor.create_model(Note)
    yield Note
    with connection.schema_editor() as editor:
        editor.delete_model(Note)
    del apps.all_models["user_models"]["note"]
    apps.clear_cache()


def test_a_projects_foreign_keys_are_followed(alice, note):
    gone = make_sessions(alice, 5)
    (kept,) = make_live(alice, 1)
    note.objects.create(session_id=gone[0], other_id=kept)
    note.objects.create(session_id=kept, other_id=gone[1])
    assert clear_expired(batch_size=2) == 5
    assert list(note.objects.values_list("session", "other")) == [(kept, None)]
    assert left() == {kept}


@pytest.mark.parametrize("signal", [signals.pre_delete, signals.post_delete])
@pytest.mark.parametrize("model", [Session, RefreshToken])
def test_a_projects_receivers_are_told(alice, signal, model):
    gone, told = make_sessions(alice, 5), []

    def receiver(instance, **kwargs):
        told.append(instance.pk)

    signal.connect(receiver, sender=model)
    try:
        assert clear_expired(batch_size=2) == 5
    finally:
        signal.disconnect(receiver, sender=model)
    assert sorted(told) == sorted(gone)
    assert left() == set()


def test_in_a_callers_transaction_it_is_done_or_undone_with_it(alice):
    make_sessions(alice, 5)
    with transaction.atomic():
        assert clear_expired(batch_size=2) == 5
        transaction.set_rollback(True)
    assert Session.objects.count() == 5


# What it costs


@proves("P12")
@pytest.mark.django_db(transaction=True)
def test_p12_the_statements_of_a_batch_are_as_many_however_large_it_is(alice):
    found = {}
    for size in (10, 1_000):
        make_sessions(alice, size)
        with statements() as sent:
            assert clear_expired(batch_size=size, limit=size) == size
        found[size] = [sql.split()[0] for sql, _ in sent if not sql.startswith("BEGIN")]
    assert found[10] == found[1_000] == ["SELECT", "SELECT", "DELETE", "UPDATE", "DELETE"]


@pytest.fixture
def crowd(alice):
    """Some thousands, of which some hundreds are over, of either kind."""
    make_live(alice, 3_000)
    make_sessions(alice, 400)
    make_sessions(alice, 400, revoked=100 * DAY)
    analyze()


USING = {"sqlite": "INDEX ", "postgresql": " using ", "mysql": '"key": "'}
SORTING = ("Sort", "TEMP B-TREE", "filesort")


# On MariaDB to analyze is to commit.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kept", ["retain_expired", "retain_revoked"])
def test_the_index_finds_each_batch_in_its_order(crowd, kept):
    with statements() as sent:
        assert clear_expired(batch_size=100, limit=250, **{kept: NEVER}) == 250
    looks = [
        (sql, params) for sql, params in sent if sql.startswith("SELECT") and " ASC LIMIT " in sql
    ]
    assert len(looks) >= 3
    for look in looks:
        plan = plan_of(*look)
        assert f"{USING[connection.vendor]}jwt_sessions_over" in plan, plan
        assert not any(word in plan for word in SORTING), plan


# Logins that wait for a code


@pytest.fixture
def waiting(alice):
    now = timezone.now()
    times = [now - each * timedelta(minutes=1) for each in range(5)]
    PendingLogin.objects.bulk_create(
        PendingLogin(user=alice, created_at=at, expires_at=at) for at in times
    )
    return PendingLogin.objects.create(
        user=alice, created_at=now, expires_at=now + timedelta(minutes=1)
    )


def test_logins_that_are_over_go_and_those_that_wait_stay(waiting):
    assert mfa.pending_logins.clear_over(batch_size=2) == 5
    assert PendingLogin.objects.get() == waiting


@pytest.mark.django_db(transaction=True)
def test_the_key_finds_the_logins_that_are_over(alice):
    past = timezone.now() - DAY
    PendingLogin.objects.bulk_create(
        PendingLogin(user=alice, created_at=past, expires_at=past) for _ in range(3_000)
    )
    analyze()
    with statements() as sent:
        assert mfa.pending_logins.clear_over(batch_size=1_000) == 3_000
    plan = plan_of(*next(look for look in sent if "ORDER BY" in look[0]))
    assert not any(word in plan for word in SORTING), plan
