"""MAX_SESSIONS_PER_USER: the oldest session ends, or the new one is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.exceptions import SessionLimitReached
from jwt_sessions.models import RefreshToken, RevokedReason, SecurityEvent, Session
from jwt_sessions.sessions import refreshing
from jwt_sessions.sessions.locking import take_turns
from jwt_sessions.signals import session_revoked
from tests.people import Device, make_user
from tests.racing import IMPATIENCE, locked, say
from tests.user_models.models import PeopleNotHidden

pytestmark = pytest.mark.proves("V4")


def a_minute_ago():
    return timezone.now() - timedelta(minutes=1)


def sign_in_on(number, user, clock):
    devices = [Device() for _ in range(number)]
    for device in devices:
        clock.shift(timedelta(seconds=1))
        device.sign_in(user)
    return devices


@pytest.fixture
def refusing(set_jwt):
    set_jwt(MAX_SESSIONS_PER_USER=2, SESSION_LIMIT_POLICY="refuse")


class TestEndOldest:
    @pytest.fixture(autouse=True)
    def two_at_most(self, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=2)

    def test_the_oldest_session_makes_room_and_says_why(self, alice, clock):
        oldest, second, newest = sign_in_on(3, alice, clock)
        found = [device.call_protected().status_code for device in (oldest, second, newest)]
        assert found == [401, 200, 200]
        assert oldest.session.revoked_reason == RevokedReason.SESSION_LIMIT

    def test_others_have_a_count_of_their_own(self, alice, bob, clock):
        alices = sign_in_on(2, alice, clock)
        sign_in_on(2, bob, clock)
        assert [device.call_protected().status_code for device in alices] == [200, 200]

    @pytest.mark.parametrize(
        "end",
        [
            lambda sid: sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT),
            lambda sid: Session.objects.filter(pk=sid).update(expires_at=a_minute_ago()),
            lambda sid: RefreshToken.objects.filter(pk=sid).update(idle_expires_at=a_minute_ago()),
        ],
        ids=["revoked", "expired", "unused"],
    )
    def test_what_is_over_does_not_count(self, alice, clock, end):
        lives, ends = sign_in_on(2, alice, clock)
        end(ends.session.pk)
        sign_in_on(1, alice, clock)
        assert lives.call_protected().status_code == 200

    def test_a_lowered_limit_ends_all_beyond_it_at_the_next_sign_in(self, alice, clock, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=None)
        devices = sign_in_on(6, alice, clock)
        set_jwt(MAX_SESSIONS_PER_USER=3)
        devices += sign_in_on(1, alice, clock)
        found = [device.call_protected().status_code for device in devices]
        assert found == [401] * 4 + [200] * 3

    def test_a_limit_of_one_keeps_the_newest_only(self, alice, clock, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=1)
        first, second = sign_in_on(2, alice, clock)
        assert [d.call_protected().status_code for d in (first, second)] == [401, 200]

    def test_a_session_about_to_be_prolonged_does_not_escape(self, alice, clock, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=1)
        (first,) = sign_in_on(1, alice, clock)
        stale = refreshing.load_refresh_token(first.session.pk)
        clock.shift(timedelta(days=1, seconds=1))
        sign_in_on(1, alice, clock)
        assert not RefreshToken.objects.unchanged(stale).exists()

    def test_it_is_announced_once_with_its_reason(self, alice, clock, heard, committed, set_jwt):
        sign_in_on(2, alice, clock)
        revoked = heard(session_revoked)
        set_jwt(MAX_SESSIONS_PER_USER=1)
        with committed():
            sign_in_on(1, alice, clock)
        assert [(facts["count"], facts["user"]) for facts in revoked] == [(2, alice)]
        assert revoked[0]["reason"] == RevokedReason.SESSION_LIMIT
        assert revoked[0]["request"].path == "/api/auth/token/"

    @pytest.mark.proves("P12")
    def test_it_costs_a_fixed_number_of_queries(self, alice, django_assert_num_queries, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=None)
        for _ in range(20):
            sessions.start(alice)
        set_jwt(MAX_SESSIONS_PER_USER=2)
        waits = 1 if connection.features.has_select_for_update else 0
        # Two inserts within a savepoint, what is too many, and its end.
        with django_assert_num_queries(6 + waits):
            sessions.start(alice)


@pytest.mark.usefixtures("refusing")
class TestRefuse:
    def test_a_sign_in_too_many_is_a_409_with_a_code_and_ends_nothing(self, alice, clock):
        devices = sign_in_on(2, alice, clock)
        answer = Device().sign_in(alice)
        assert (answer.status_code, answer.json()["code"]) == (409, "session_limit_reached")
        assert [device.call_protected().status_code for device in devices] == [200, 200]
        assert Session.objects.count() == 2

    def test_signing_out_makes_room(self, alice, clock):
        sign_in_on(2, alice, clock)[0].post("logout/")
        assert Device().sign_in(alice).status_code == 200

    def test_a_wrong_password_is_not_told_of_it(self, alice, clock):
        sign_in_on(2, alice, clock)
        assert Device().sign_in(alice, "wrong").status_code == 401

    def test_in_python_it_is_an_exception(self, alice, clock):
        sign_in_on(2, alice, clock)
        with pytest.raises(SessionLimitReached):
            sessions.start(alice)


@pytest.mark.django_db(transaction=True)
class TestTurns:
    @pytest.fixture(autouse=True)
    def impatient(self, set_jwt):
        if not connection.features.has_select_for_update:
            pytest.skip("SQLite has one lock for all")
        set_jwt(MAX_SESSIONS_PER_USER=2)
        say(IMPATIENCE)
        yield
        connection.close()

    def test_sign_ins_of_one_user_wait_for_each_other(self, alice):
        with locked(lambda: take_turns(alice)), pytest.raises(OperationalError):
            sessions.start(alice)

    def test_those_of_people_whom_the_user_models_manager_hides_wait_too(self, alice, monkeypatch):
        manager = PeopleNotHidden()
        manager.model, manager.name = type(alice), "objects"
        monkeypatch.setattr(type(alice)._meta, "default_manager", manager)
        type(alice)._base_manager.update(last_login=timezone.now())
        with locked(lambda: take_turns(alice)), pytest.raises(OperationalError):
            sessions.start(alice)

    def test_sign_ins_of_others_do_not_wait(self, alice, bob):
        with locked(lambda: take_turns(alice)):
            assert sessions.start(bob)

    def test_on_postgresql_what_refers_to_the_user_does_not_wait_either(self, alice):
        if not connection.features.has_select_for_no_key_update:
            pytest.skip("this run is not on postgresql")
        with locked(lambda: take_turns(alice)):
            assert SecurityEvent.objects.create(kind="x", user=alice)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("policy", ["end_oldest", "refuse"])
def test_it_is_exact_when_many_sign_in_at_once(set_jwt, policy):
    set_jwt(MAX_SESSIONS_PER_USER=3, SESSION_LIMIT_POLICY=policy, THROTTLE_RATES=None)
    alice = make_user("alice")

    def sign_in(_):
        try:
            return Device().sign_in(alice).status_code
        finally:
            connection.close()

    for _ in range(5):
        Session.objects.all().delete()
        with ThreadPoolExecutor(12) as pool:
            found = sorted(pool.map(sign_in, range(12)))
        assert found == ([200] * 12 if policy == "end_oldest" else [200] * 3 + [409] * 9)
        assert Session.objects.live().count() == 3
