"""What the tables themselves hold to."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.models import (
    Among,
    RefreshToken,
    RevokedReason,
    RevokedSession,
    SecurityEvent,
    Session,
)
from jwt_sessions.models.identifiers import uuid7
from tests.old_sessions import analyze, forget_statistics, make_sessions, plan_of, statements
from tests.people import Device

proves = pytest.mark.proves


def test_a_stored_session_is_not_saved(phone):
    stale = phone.session
    sessions.revoke(stale.pk, reason=RevokedReason.SIGNED_OUT)
    with pytest.raises(TypeError, match="not saved"):
        stale.save()
    with pytest.raises(TypeError, match="not saved"):
        Session.objects.get().save(update_fields=["device_name"])
    with pytest.raises(TypeError, match="not saved"):
        Session.objects.bulk_update([stale], ["revoked_at"])
    assert phone.session.is_revoked


def test_a_session_made_by_hand_never_overwrites_a_stored_one(phone):
    twin = phone.session
    twin._state.adding = True
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()


def test_a_security_event_is_written_once(alice):
    event = SecurityEvent.objects.create(kind="refresh_token_reused", user=alice)
    with pytest.raises(TypeError, match="never changed"):
        event.save()


def test_revoked_sessions_are_a_view_of_sessions(phone, laptop):
    phone.post("logout/")
    assert [str(session.pk) for session in RevokedSession.objects.all()] == [phone.sid]
    assert RevokedSession.objects.get().revoked_reason == RevokedReason.SIGNED_OUT
    assert RevokedSession._meta.db_table == Session._meta.db_table


def test_a_session_id_is_a_uuid_of_version_7_that_holds_the_time(clock):
    first = uuid7()
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert first.int >> 80 == 1_795_435_200_000


def test_session_ids_sort_by_time_to_a_fraction_of_a_millisecond():
    ids = []
    for microseconds in range(0, 5_000, 5):
        with time_machine.travel(1_795_435_200 + microseconds / 1e6, tick=False):
            ids.append(uuid7())
    assert ids == sorted(ids)
    assert len(set(ids)) == 1_000


def test_a_session_past_its_absolute_end_is_not_live_however_it_was_used(phone, clock):
    clock.shift(timedelta(days=30))
    RefreshToken.objects.update(idle_expires_at=timezone.now() + timedelta(days=1))
    assert not Session.objects.live().exists()
    assert phone.session.is_expired


def test_an_alias_that_is_asked_for_is_used():
    assert Session.objects.using("accounts").db == "accounts"
    assert RevokedSession.objects.using("accounts").db == "accounts"


def test_rows_in_the_order_of_their_ids_are_in_the_order_of_time(alice, clock):
    started = []
    for _ in range(5):
        clock.shift(0.001)
        started.append(sessions.start(alice).session.pk)
    assert list(Session.objects.values_list("pk", flat=True)) == started[::-1]


@pytest.mark.parametrize(
    ("browser", "platform", "device"),
    [("Firefox", "Windows", "Firefox on Windows"), ("curl", "", "curl"), ("", "iOS", "iOS")],
)
def test_a_device_is_told_in_words(browser, platform, device):
    assert Session(browser=browser, platform=platform).device == device


def test_nothing_that_opens_a_door_is_stored(alice):
    device = Device()
    device.sign_in(alice)
    row = str(Session.objects.values().get()) + str(device.session.refresh_token.__dict__)
    for token in (device.access, device.refresh_token):
        assert token not in row
        assert token.rpartition(".")[2] not in row


def test_a_session_is_called_by_device_and_date(phone, alice):
    phone.patch(f"sessions/{phone.sid}/", {"device_name": "Alice's phone"})
    assert phone.session.display_name == "Alice's phone"
    assert str(phone.session) == "Firefox on Windows, 11/23/2026 noon"
    assert str(sessions.start(alice).session).startswith("unknown device, ")
    assert str(phone.session.refresh_token) == f"{phone.sid}/0"


@proves("P12")
def test_p12_sqlite_finds_sessions_by_whose_or_which_they_are(alice):
    """Without statistics it would look through all that are not revoked."""
    if connection.vendor != "sqlite":
        pytest.skip("this run is not on sqlite")
    forget_statistics()
    sids = [sessions.start(alice).session.pk for _ in range(3)]
    theirs = Session.objects.filter(user=alice)
    with CaptureQueriesContext(connection) as captured:
        list(theirs.live())
        theirs.live().count()
        Session.objects.filter(Among("pk", sids)).revoke(reason=RevokedReason.SIGNED_OUT)
        sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT)
        theirs.update_unrevoked(device_name="New name")
    with connection.cursor() as cursor:
        for query in captured:
            cursor.execute("EXPLAIN QUERY PLAN " + query["sql"])
            plan = " ".join(step[3] for step in cursor.fetchall())
            assert "jwt_sessions_of_user" in plan or "autoindex_jwt_sessions_session_1" in plan
            assert "jwt_sessions_over" not in plan
            assert "SCAN jwt_sessions" not in plan


# To analyze is to commit there.
@pytest.mark.django_db(transaction=True)
@proves("P8", "P12")
def test_p8_mariadb_locks_a_session_before_what_its_indexes_have_of_it(alice, bob):
    """Also where hardly any is left that is not revoked: the other way round, some meet."""
    if connection.vendor != "mysql":
        pytest.skip("this run is not on mysql")
    make_sessions(alice, 2_000, ended=-timedelta(days=1), revoked=timedelta(days=1))
    make_sessions(bob, 2_000, ended=-timedelta(days=1), revoked=timedelta(days=1))
    sessions.start(alice)
    analyze()
    with statements() as sent:
        sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT)
    [update] = [each for each in sent if each[0].startswith("UPDATE")]
    plan = plan_of(*update)
    assert '"key": "jwt_sessions_over"' not in plan, plan
