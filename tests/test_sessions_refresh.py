"""Rotation: one successor, a lost reply repeated, reuse punished, ends that never move."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.db.models.signals import pre_save
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.exceptions import BadKey
from jwt_sessions.models import RefreshToken, RevokedReason, SecurityEvent, Session
from jwt_sessions.sessions import refreshing
from tests.people import claims_of

proves = pytest.mark.proves


def test_a_refresh_returns_a_new_pair_of_the_same_session(phone):
    before, sid = phone.refresh_token, phone.sid
    assert phone.refresh().status_code == 200
    assert phone.refresh_token != before
    assert phone.sid == sid
    assert phone.call_protected().status_code == 200


@proves("P2", "R3")
def test_each_refresh_advances_the_generation_by_one(phone):
    for generation in (1, 2, 3):
        phone.refresh()
        assert claims_of(phone.refresh_token)["generation"] == generation
        assert phone.session.refresh_token.generation == generation


@proves("P3", "R4")
def test_p3_a_lost_reply_costs_nothing(phone, clock):
    old = phone.refresh_token
    phone.refresh()
    lost = claims_of(phone.refresh_token)
    clock.shift(timedelta(seconds=30))
    assert phone.refresh(old).status_code == 200
    assert claims_of(phone.refresh_token) == lost
    assert phone.refresh().status_code == 200


@proves("P3", "R4")
def test_p3_a_retry_extends_nothing(phone, clock):
    old = phone.refresh_token
    phone.refresh()
    row = phone.session.refresh_token
    clock.shift(timedelta(seconds=20))
    phone.refresh(old)
    again = phone.session.refresh_token
    assert (again.last_seen_at, again.idle_expires_at) == (row.last_seen_at, row.idle_expires_at)
    clock.shift(timedelta(seconds=11))
    assert phone.refresh(old).status_code == 401


@proves("P3", "R4")
def test_p3_retries_are_counted_and_the_one_too_many_is_reuse(phone):
    old = phone.refresh_token
    phone.refresh()
    RefreshToken.objects.update(grace_uses=98)
    assert [phone.refresh(old).status_code for _ in range(3)] == [200, 200, 401]
    assert phone.session.revoked_reason == RevokedReason.TOKEN_REUSED


@proves("P3", "R4")
def test_p3_a_grace_period_of_zero_makes_a_duplicate_reuse(phone, set_jwt, clock):
    set_jwt(REFRESH_GRACE_PERIOD=timedelta(0))
    old = phone.refresh_token
    phone.refresh()
    assert phone.refresh(old).status_code == 401
    assert phone.call_protected().status_code == 401


@proves("R4")
def test_an_expired_refresh_token_is_refused_even_within_the_grace_period(phone, set_jwt, clock):
    set_jwt(REFRESH_GRACE_PERIOD=timedelta(days=3))
    old = phone.refresh_token
    phone.refresh()
    clock.shift(timedelta(days=1, seconds=11))
    assert sessions.refresh(old) == sessions.Refusal("expired")


@proves("P4", "R2")
def test_p4_reuse_ends_the_session_successor_included(phone, clock):
    old = phone.refresh_token
    phone.refresh()
    clock.shift(timedelta(seconds=31))
    newest = phone.refresh_token
    assert phone.refresh(old).status_code == 401
    assert phone.call_protected().status_code == 401
    assert phone.refresh(newest).status_code == 401
    assert phone.session.revoked_reason == RevokedReason.TOKEN_REUSED


@proves("P4", "R5")
def test_p4_a_grandparent_is_reuse_even_in_the_same_second(phone, clock):
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    assert sessions.refresh(old) == sessions.Refusal("reused")
    assert phone.call_protected().status_code == 401


@proves("P4")
def test_p4_a_reuse_is_recorded_once_with_both_generations(phone):
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    phone.refresh(old)
    phone.refresh(old)
    event = SecurityEvent.objects.get()
    assert event.kind == "refresh_token_reused"
    assert event.facts == {"presented": 0, "current": 2}
    assert (str(event.session_id), event.address) == (phone.sid, "127.0.0.1")
    assert event.user == phone.session.user


@proves("P4")
def test_p4_a_generation_from_the_future_is_refused_and_logged_and_ends_nothing(phone, caplog):
    phone.refresh()
    RefreshToken.objects.update(generation=0)
    with caplog.at_level(logging.ERROR, "jwt_sessions"):
        assert phone.refresh().status_code == 401
    assert "older backup" in caplog.text
    assert phone.call_protected().status_code == 200


@proves("P6", "R7")
def test_p6_rotation_never_moves_the_absolute_end(phone, clock):
    end = phone.session.expires_at
    for _ in range(31):
        clock.shift(timedelta(hours=23))
        phone.refresh()
    assert phone.session.expires_at == end
    assert phone.session.refresh_token.idle_expires_at == end
    assert claims_of(phone.refresh_token)["exp"] == int(end.timestamp())
    clock.move_to(end + timedelta(seconds=1))
    assert phone.refresh().status_code == 401


@proves("P6", "C10")
def test_p6_rotation_renews_neither_auth_time_nor_amr(phone, clock):
    first = claims_of(phone.access)
    clock.shift(timedelta(hours=5))
    phone.refresh()
    assert claims_of(phone.access)["iat"] > first["iat"]
    for name in ("auth_time", "amr", "acr"):
        assert claims_of(phone.access)[name] == first[name]


@proves("R7")
def test_a_session_left_unused_ends(phone, clock):
    clock.shift(timedelta(days=1, seconds=-1))
    assert phone.refresh().status_code == 200
    clock.shift(timedelta(days=1))
    assert sessions.refresh(phone.refresh_token) == sessions.Refusal("session_expired")


@proves("R9", "V2")
def test_a_refresh_of_a_user_deactivated_behind_our_back_is_refused_and_recorded(phone, alice):
    type(alice).objects.update(is_active=False)
    assert phone.refresh().status_code == 401
    assert phone.session.revoked_reason == RevokedReason.USER_DEACTIVATED


@proves("R9", "V1")
def test_a_refresh_after_a_password_changed_behind_our_back_is_refused_and_recorded(phone, alice):
    type(alice).objects.update(password="another")
    assert phone.refresh().status_code == 401
    assert phone.session.revoked_reason == RevokedReason.PASSWORD_CHANGED


@proves("P13")
def test_a_session_follows_a_rotated_secret_key_at_refresh(phone, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next secret key, long enough as well to please the checks"
    assert phone.call_protected().status_code == 200
    assert phone.refresh().status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert phone.call_protected().status_code == 200


@proves("R6", "P5")
def test_a_refresh_overlapped_by_a_revocation_mints_nothing_though_others_live(
    phone, laptop, after_load
):
    sid = phone.session.pk
    after_load(lambda: sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT))
    assert sessions.refresh(phone.refresh_token) == sessions.Refusal("session_revoked")
    assert laptop.refresh().status_code == 200


def test_a_refresh_of_a_session_that_was_cleared_is_refused(phone):
    Session.objects.all().delete()
    assert sessions.refresh(phone.refresh_token) == sessions.Refusal("session_unknown")


def test_a_refresh_overlapped_by_the_clearing_of_its_session_is_refused(phone, after_load):
    after_load(lambda: Session.objects.all().delete())
    assert sessions.refresh(phone.refresh_token) == sessions.Refusal("session_revoked")


@proves("R6", "P5")
def test_a_refresh_overlapped_by_a_faster_one_and_a_revocation_mints_nothing(phone, after_load):
    token, sid = phone.refresh_token, phone.session.pk

    def be_faster_and_sign_out():
        sessions.refresh(token)
        sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)

    after_load(be_faster_and_sign_out)
    assert sessions.refresh(token) == sessions.Refusal("contended")
    assert not SecurityEvent.objects.exists()


def test_a_refresh_leaves_every_other_session_alone(phone, laptop, clock):
    before = laptop.session.refresh_token.last_seen_at
    clock.shift(timedelta(minutes=1))
    phone.refresh()
    row = laptop.session.refresh_token
    assert (row.generation, row.last_seen_at) == (0, before)


def test_a_key_that_cannot_sign_costs_nobody_the_token_they_have(phone, set_jwt, after_load):
    after_load(lambda: set_jwt(SIGNING_KEY="too short"))
    with pytest.raises(BadKey):
        sessions.refresh(phone.refresh_token)
    set_jwt(SIGNING_KEY=None)
    assert phone.session.refresh_token.generation == 0


@proves("P2", "R3")
def test_the_slower_of_two_callers_gets_the_successor_of_the_faster(phone, clock, after_load):
    token, faster = phone.refresh_token, []

    def be_faster():
        clock.shift(timedelta(seconds=5))
        faster.append(sessions.refresh(token))

    after_load(be_faster)
    slower = sessions.refresh(token)
    assert slower.refresh == faster[0].refresh
    assert phone.session.refresh_token.generation == 1


@proves("P3", "R4")
def test_a_retry_overtaken_by_the_next_rotation_is_reuse(phone, after_load):
    old = phone.refresh_token
    phone.refresh()
    after_load(phone.refresh)
    assert sessions.refresh(old) == sessions.Refusal("reused")


@proves("P3", "R4")
def test_a_retry_overtaken_by_the_last_one_allowed_is_reuse(phone, after_load):
    old = phone.refresh_token
    phone.refresh()
    most = refreshing.MAX_GRACE_USES
    after_load(lambda: RefreshToken.objects.update(grace_uses=most))
    assert sessions.refresh(old) == sessions.Refusal("reused")


@proves("P3", "R4")
def test_retries_at_once_are_each_counted(phone, after_load):
    old = phone.refresh_token
    phone.refresh()
    after_load(lambda: sessions.refresh(old))
    sessions.refresh(old)
    assert phone.session.refresh_token.grace_uses == 2


@proves("P4")
def test_without_a_grace_period_the_slower_of_two_is_recorded_with_both_generations(
    phone, set_jwt, after_load
):
    set_jwt(REFRESH_GRACE_PERIOD=timedelta(0))
    token = phone.refresh_token
    after_load(lambda: sessions.refresh(token))
    assert sessions.refresh(token) == sessions.Refusal("reused")
    assert SecurityEvent.objects.get().facts == {"presented": 0, "current": 1}


@pytest.fixture
def record_fails():
    """No event can be stored."""

    def fail(**facts):
        raise RuntimeError("the record cannot be written")

    pre_save.connect(fail, sender=SecurityEvent)
    yield
    pre_save.disconnect(fail, sender=SecurityEvent)


@proves("P4", "R2")
@pytest.mark.parametrize("is_overtaken", [False, True])
def test_p4_a_reuse_that_cannot_be_recorded_ends_the_session_all_the_same(
    phone, after_load, record_fails, is_overtaken
):
    old = phone.refresh_token
    phone.refresh()
    if is_overtaken:
        after_load(phone.refresh)
    else:
        phone.refresh()
    with pytest.raises(RuntimeError):
        sessions.refresh(old)
    assert phone.session.revoked_reason == RevokedReason.TOKEN_REUSED


@proves("P4")
def test_reuse_of_a_session_that_was_just_revoked_is_not_recorded(phone, after_load):
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    sid = phone.session.pk
    after_load(lambda: sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT))
    assert sessions.refresh(old) == sessions.Refusal("reused")
    assert not SecurityEvent.objects.exists()
    assert phone.session.revoked_reason == RevokedReason.SIGNED_OUT


def test_each_generation_has_its_own_count_of_retries(phone):
    old = phone.refresh_token
    phone.refresh()
    phone.refresh(old)
    assert phone.session.refresh_token.grace_uses == 1
    phone.refresh()
    assert phone.session.refresh_token.grace_uses == 0


def test_last_seen_comes_from_the_refresh(phone, clock):
    clock.shift(timedelta(hours=2))
    phone.refresh()
    assert phone.session.refresh_token.last_seen_at == timezone.now()


@proves("P3", "R4")
def test_a_refresh_counts_from_its_beginning_however_long_the_database_takes(
    phone, clock, after_load
):
    began = timezone.now()
    after_load(lambda: clock.shift(timedelta(seconds=9)))
    phone.refresh()
    assert phone.session.refresh_token.last_seen_at == began


def test_the_address_follows_the_refresh(phone):
    phone.http.defaults["REMOTE_ADDR"] = "203.0.113.7"
    phone.refresh()
    assert phone.session.refresh_token.address == "203.0.113.7"
    assert phone.session.address == "127.0.0.1"


def test_a_refresh_without_a_request_leaves_the_last_address(phone):
    sessions.refresh(phone.refresh_token)
    assert phone.session.refresh_token.address == "127.0.0.1"


def test_the_reason_of_a_refused_refresh_is_logged_and_not_told(phone, caplog):
    sessions.revoke(phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    with caplog.at_level(logging.DEBUG, "jwt_sessions"):
        answer = phone.refresh()
    assert "refused: session_revoked" in caplog.text
    assert "revoked" not in answer.content.decode()
    assert phone.refresh_token not in caplog.text


class TestWithoutRotation:
    @pytest.fixture(autouse=True)
    def rotation_off(self, set_jwt):
        set_jwt(ROTATE_REFRESH_TOKENS=False)

    def test_the_first_refresh_token_serves_until_it_expires(self, phone, clock):
        first = phone.refresh_token
        for _ in range(3):
            clock.shift(timedelta(hours=5))
            assert phone.refresh(first).status_code == 200
        clock.shift(timedelta(hours=10))
        assert phone.refresh(first).status_code == 401

    def test_last_seen_still_moves_and_the_generation_does_not(self, phone, clock):
        clock.shift(timedelta(hours=5))
        phone.refresh()
        row = phone.session.refresh_token
        assert (row.generation, row.last_seen_at) == (0, timezone.now())

    def test_a_token_superseded_before_gets_no_grace_for_ever(self, phone, set_jwt, clock):
        set_jwt(ROTATE_REFRESH_TOKENS=True)
        old = phone.refresh_token
        phone.refresh()
        set_jwt(ROTATE_REFRESH_TOKENS=False)
        clock.shift(timedelta(minutes=5))
        phone.refresh()
        assert sessions.refresh(old) == sessions.Refusal("reused")

    def test_a_revoked_session_is_refused_all_the_same(self, phone):
        phone.post("logout/")
        assert phone.refresh().status_code == 401


@proves("P12")
def test_p12_a_thousand_refreshes_add_no_row_and_cost_two_queries_each(
    phone, django_assert_num_queries
):
    outcome = sessions.refresh(phone.refresh_token)
    for _ in range(999):
        with django_assert_num_queries(2):
            outcome = sessions.refresh(outcome.refresh)
    assert outcome.session.refresh_token.generation == 1000
    assert (Session.objects.count(), RefreshToken.objects.count()) == (1, 1)
