"""Revoking: at once, by sets, never undone."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.sessions import refreshing
from jwt_sessions.signals import refresh_token_reused, session_revoked
from tests.people import Device

proves = pytest.mark.proves


@proves("P1", "V1")
def test_p1_an_access_token_of_a_revoked_session_is_refused_on_the_next_request(phone):
    assert phone.call_protected().status_code == 200
    sessions.revoke(phone.session.pk, reason=RevokedReason.REVOKED_BY_STAFF)
    assert phone.call_protected().status_code == 401


def test_a_revocation_says_when_why_and_by_whom(phone, bob):
    assert sessions.revoke(phone.session.pk, reason=RevokedReason.REVOKED_BY_STAFF, by=bob)
    session = phone.session
    assert session.is_revoked
    assert (session.revoked_reason, session.revoked_by) == (RevokedReason.REVOKED_BY_STAFF, bob)


@proves("P5")
def test_p5_a_revocation_is_never_written_over(phone, clock):
    sessions.revoke(phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    first = phone.session.revoked_at
    clock.shift(timedelta(minutes=1))
    assert not sessions.revoke(phone.session.pk, reason=RevokedReason.REVOKED_BY_STAFF)
    session = phone.session
    assert (session.revoked_at, session.revoked_reason) == (first, RevokedReason.SIGNED_OUT)


def test_an_unknown_session_cannot_be_revoked(db):
    assert not sessions.revoke(uuid4(), reason=RevokedReason.SIGNED_OUT)


def test_another_owners_session_is_left_alone(phone, bob):
    sid = phone.session.pk
    assert not sessions.revoke(sid, owner=bob, reason=RevokedReason.SIGNED_OUT)
    assert phone.call_protected().status_code == 200


def test_all_sessions_of_one_user_end_and_nobody_elses(phone, laptop, alice, bob):
    bobs = Device()
    bobs.sign_in(bob)
    assert sessions.revoke_all(alice, reason=RevokedReason.REVOKED_BY_STAFF) == 2
    assert [device.call_protected().status_code for device in (phone, laptop, bobs)] == [
        401,
        401,
        200,
    ]


def test_one_session_can_be_kept(phone, laptop, alice):
    count = sessions.revoke_all(alice, keep=phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    assert count == 1
    assert phone.call_protected().status_code == 200
    assert laptop.call_protected().status_code == 401


def test_what_had_expired_is_left_alone(phone, alice, clock):
    clock.shift(timedelta(days=31))
    assert sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT) == 0
    assert not phone.session.is_revoked


@proves("P5", "R6")
def test_p5_a_session_about_to_be_prolonged_does_not_escape(phone, alice, clock, monkeypatch):
    load = refreshing.load_refresh_token

    def load_then_end_everywhere(sid, **kwargs):
        row = load(sid, **kwargs)
        clock.shift(timedelta(seconds=1))
        sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT)
        return row

    clock.shift(timedelta(days=1, seconds=-0.5))
    monkeypatch.setattr(refreshing, "load_refresh_token", load_then_end_everywhere)
    assert isinstance(sessions.refresh(phone.refresh_token), sessions.Refusal)
    assert phone.session.is_revoked


@proves("P12")
def test_p12_revoking_costs_one_query_however_many_there_are(
    alice, django_assert_num_queries, set_jwt
):
    set_jwt(REVOCATION_CHECK="database")
    for _ in range(20):
        sessions.start(alice)
    with django_assert_num_queries(1):
        assert sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT) == 20
    sid = sessions.start(alice).session.pk
    with django_assert_num_queries(1):
        sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)


def test_a_revocation_is_announced_after_the_commit(phone, alice, heard, committed):
    revoked = heard(session_revoked)
    sid = phone.session.pk
    with committed():
        sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT, by=alice)
        assert revoked == []
    assert (revoked[0]["session_id"], revoked[0]["by"], revoked[0]["count"]) == (sid, alice, 1)


def test_revoking_nothing_is_not_announced(alice, heard, committed):
    revoked = heard(session_revoked)
    with committed():
        sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT)
        sessions.revoke(uuid4(), reason=RevokedReason.SIGNED_OUT)
    assert revoked == []


def test_a_reuse_is_announced_with_its_request(phone, heard, committed):
    reused = heard(refresh_token_reused)
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    with committed():
        phone.refresh(old)
    assert str(reused[0]["session"].pk) == phone.sid
    assert reused[0]["request"].path == "/api/auth/token/refresh/"


@pytest.mark.parametrize("reason", [RevokedReason.TOKEN_REUSED, RevokedReason.USER_DEACTIVATED])
def test_a_revocation_by_a_refresh_is_announced_with_its_request(
    phone, alice, heard, committed, reason
):
    revoked, old = heard(session_revoked), phone.refresh_token
    phone.refresh()
    phone.refresh()
    if reason == RevokedReason.USER_DEACTIVATED:
        type(alice).objects.update(is_active=False)
    with committed():
        phone.refresh(old)
    assert revoked[0]["reason"] == reason
    assert revoked[0]["request"].path == "/api/auth/token/refresh/"


def test_an_expired_session_is_not_renamed(phone, alice, clock):
    clock.shift(timedelta(days=1))
    assert sessions.rename(phone.session.pk, user=alice, device_name="New name") is None


def test_renaming_cannot_bring_a_revoked_session_back(phone, alice):
    sid = phone.session.pk
    sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)
    assert sessions.rename(sid, user=alice, device_name="New name") is None
    assert Session.objects.get(pk=sid).is_revoked
