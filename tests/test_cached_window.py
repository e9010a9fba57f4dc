"""What a process knows of revoked sessions: which ones, how they are packed, when they are read."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.revocation import cached, window, window_length
from jwt_sessions.revocation.shared_cache import MOST_KEYS, SharedCache
from jwt_sessions.revocation.window import read_window
from tests.cached import DELAY, LIFETIME, WINDOW, Process, later, revoke_now, revoke_untold
from tests.many_sessions import begin
from tests.people import Device
from tests.test_replica import unasked

proves = pytest.mark.proves

pytest_plugins = ["tests.cached_fixtures"]
pytestmark = pytest.mark.django_db(transaction=True)


def new_epoch():
    SharedCache().tell([None] * (MOST_KEYS + 1))


def seconds(number):
    return timedelta(seconds=number)


# Which sessions are in it


def test_the_window_is_as_long_as_tokens_last_and_clocks_and_transactions_may_differ(set_jwt):
    assert window_length() == seconds(WINDOW)
    set_jwt(ACCESS_TOKEN_LIFETIME=timedelta(hours=1), LEEWAY=seconds(60))
    assert window_length() == timedelta(hours=1) + seconds(60 + 120)


@pytest.mark.parametrize(("ago", "is_in"), [(WINDOW - 1, True), (WINDOW, False)])
def test_ids_that_are_older_than_the_window_are_not_in_it(phone, other, ago, is_in):
    revoke_untold(phone, at=timezone.now() - seconds(ago))
    other.ask(phone)
    assert other.knows == ([phone.session.pk] if is_in else [])


def test_with_tokens_that_last_longer_it_is_longer(phone, other, set_jwt):
    revoke_untold(phone, at=timezone.now() - seconds(WINDOW))
    set_jwt(ACCESS_TOKEN_LIFETIME=seconds(LIFETIME + 1))
    assert other.ask(phone) == (401, 1)
    assert other.knows == [phone.session.pk]


@proves("P1", "V1")
@pytest.mark.parametrize("behind", [100, 119])
def test_p1_revoked_by_a_host_whose_clock_is_behind_it_is_refused_to_the_last_second(
    phone, store, monotonic, clock, behind, caplog
):
    caplog.set_level(logging.DEBUG, "jwt_sessions.authentication")
    revoke_untold(phone, at=timezone.now() - seconds(behind))  # and minted a moment before
    clock.shift(LIFETIME + 10 - 1)
    assert Process().ask(phone) == (401, 1)
    assert "session_revoked" in caplog.text
    caplog.clear()
    clock.shift(1)
    assert Process().ask(phone).status == 401
    assert "session_revoked" not in caplog.text  # it is over by itself


@proves("P1", "V1")
def test_p1_what_is_cleared_stays_refused(phone, other, clock, store):
    revoke_now(phone)
    store.forget(phone.sid)
    clock.shift(LIFETIME + 10 - 1)
    assert sessions.clear_expired(retain_revoked=timedelta(0)) == 0
    assert other.ask(phone) == (401, 1)
    clock.shift(WINDOW)
    assert sessions.clear_expired(retain_revoked=timedelta(0)) == 1


@proves("V9", "P1", "V1")
@pytest.mark.django_db(transaction=True, databases=["default", "accounts"])
def test_v9_the_window_is_read_from_the_primary(phone, other, monotonic, settings):
    settings.DATABASE_ROUTERS = ["tests.test_replica.Replica"]
    with unasked():
        assert other.ask(phone) == (200, 1)
        revoke_untold(phone)
        monotonic.shift(DELAY + 0.001)
        assert other.ask(phone) == (401, 1)
        assert other.knows == [phone.session.pk]


@proves("V9", "P1", "V2")
@pytest.mark.django_db(transaction=True, databases=["default", "accounts"])
def test_v9_a_user_who_is_touched_is_read_from_the_primary(phone, alice, other, settings):
    settings.DATABASE_ROUTERS = ["tests.test_replica.Replica"]
    with unasked():
        assert other.ask(phone, "/name/").status == other.ask(phone, "/precious/").status == 200
        type(alice).objects.using("default").filter(pk=alice.pk).update(is_active=False)
        assert other.ask(phone, "/name/").status == other.ask(phone, "/precious/").status == 401


# When there is too much of it


@pytest.fixture
def too_many(laptop, alice, monkeypatch):
    """One revoked session more than can be kept: Alice's laptop."""
    monkeypatch.setattr(window, "MOST_IDS", 2)
    revoke_untold(laptop)
    return begin(alice, number=2, revoked_after=timedelta(0))


@proves("P1", "V1")
def test_p1_of_more_ids_than_can_be_kept_the_database_is_asked_for_each(
    phone, laptop, too_many, other, caplog
):
    for _ in range(3):
        assert (other.ask(phone).status, other.ask(laptop).status) == (200, 401)
    assert other.knows is None
    assert caplog.text.count("too many sessions were revoked lately") == 1


def test_too_much_is_not_read_again_for_a_minute(phone, too_many, other, monotonic, reads):
    assert other.ask(phone) == (200, 2)
    monotonic.shift(59)
    assert other.ask(phone) == (200, 1)
    monotonic.shift(1)
    assert other.ask(phone) == (200, 2)
    assert reads == [1_000, 1_060]


def test_when_there_is_less_again_a_look_into_the_cache_is_enough(
    phone, laptop, too_many, other, monotonic
):
    assert other.ask(phone) == (200, 2)
    rows = Session.objects.filter(pk__in=[each.pk for each in too_many])
    assert rows.update(revoked_at=timezone.now() - seconds(WINDOW)) == 2
    monotonic.shift(60)
    assert [other.ask(phone), other.ask(phone)] == [(200, 1), (200, 0)]
    assert other.ask(laptop) == (401, 0)


def test_as_many_as_can_be_kept_are_kept(phone, alice, other, monkeypatch):
    monkeypatch.setattr(window, "MOST_IDS", 2)
    begin(alice, number=2, revoked_after=timedelta(0))
    assert [other.ask(phone), other.ask(phone)] == [(200, 1), (200, 0)]


@proves("P1", "V1")
def test_p1_reading_takes_a_quarter_of_the_time_and_in_between_the_database_is_asked(
    phone, laptop, other, monotonic, monkeypatch
):
    moments = []

    def take_a_second():
        moments.append(monotonic())
        monotonic.shift(1)
        return read_window()

    monkeypatch.setattr(cached, "read_window", take_a_second)
    revoke_untold(laptop)
    began = monotonic()
    while monotonic() < began + 40:
        new_epoch()
        assert other.ask(phone) == (200, 1)
        new_epoch()
        assert other.ask(laptop).status == 401
        monotonic.shift(0.25)
    assert len(moments) == pytest.approx(10, abs=1)
    assert all(late - soon >= 4 for soon, late in pairwise(moments))


@proves("P8", "V8")
def test_p8_a_window_that_cannot_be_read_is_left_alone_for_a_second(
    phone, other, monotonic, monkeypatch, caplog
):
    from django.db import OperationalError

    tried = []

    def fail():
        tried.append(1)
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(cached, "read_window", fail)
    assert [other.ask(phone) for _ in range(3)] == [(200, 1)] * 3
    assert len(tried) == 1
    assert "the revoked sessions cannot be read" in caplog.text
    monotonic.shift(1)
    other.ask(phone)
    assert len(tried) == 2


# In a transaction


@pytest.fixture
def repeatable_read(transactional_db, monkeypatch):
    """A connection whose transactions see what was there at their beginning."""
    levels = {"mysql": "repeatable read", "postgresql": 3}  # psycopg's number of it
    if connection.vendor in levels:
        options = connection.settings_dict["OPTIONS"]
        monkeypatch.setitem(options, "isolation_level", levels[connection.vendor])
        connection.close()
    yield
    connection.close()


@proves("P1", "V1")
def test_p1_in_a_snapshot_the_database_is_asked_and_nothing_is_stored(
    phone, other, monotonic, repeatable_read
):
    with transaction.atomic():
        assert Session.objects.count() == 1  # here it begins to see
        if connection.vendor != "sqlite":  # where nobody commits while another one reads
            later(revoke_untold, phone)
        assert other.ask(phone).status == 200
        assert other.check.knowledge is None
    if connection.vendor == "sqlite":
        revoke_untold(phone)
    assert other.ask(phone) == (401, 1)


def test_in_a_snapshot_what_was_known_before_is_enough_while_it_is_young(
    phone, other, monotonic, repeatable_read
):
    other.ask(phone)
    known = other.check.knowledge
    with transaction.atomic():
        assert other.ask(phone) == (200, 0)
        monotonic.shift(DELAY + 0.001)
        assert other.ask(phone).status == 200
        assert other.check.knowledge is known


def test_under_atomic_requests_what_is_read_is_stored_unless_it_is_a_snapshot(
    phone, other, monkeypatch
):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    assert other.ask(phone).status == 200
    assert (other.check.knowledge is None) == (connection.vendor == "sqlite")


@proves("P1", "V1")
@pytest.mark.parametrize("age", [0, DELAY + 0.001], ids=["known", "unknown"])
def test_p1_a_transaction_that_has_revoked_asks_the_database_until_its_commit(
    phone, other, store, monotonic, age
):
    other.ask(phone)
    known = other.check.knowledge
    monotonic.shift(age)
    with transaction.atomic():
        revoke_now(phone)
        assert other.ask(phone) == (401, 1)
        transaction.set_rollback(True)
    assert other.check.knowledge is known
    assert store.count_keys() == 0
    assert other.ask(phone).status == 200


@proves("P1", "V1")
def test_p1_a_bulk_revocation_tells_of_each_batch(alice, store, other):
    devices = [Device() for _ in range(5)]
    for device in devices:
        device.sign_in(alice)
    other.ask(devices[0])
    seen = []

    def look(record):
        seen.append([other.ask(device).status for device in devices].count(401))

    sessions.revoke_in_batches(
        Session.objects.all(), reason="credentials_leaked", batch_size=2, progress=look
    )
    assert seen == [0, 2, 4, 5]
    assert {one.revoked_reason for one in Session.objects.all()} == {RevokedReason.REVOKED_BY_STAFF}
