"""Guessing at codes: capped for each account and factor, and only who has the password counts."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import count

import pytest
from django.utils import timezone

from jwt_sessions import mfa, sessions
from jwt_sessions.conf import conf
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    SecurityEvent,
    SecurityEventKind,
)
from tests.factors import give_address, give_recovery_codes, give_totp, wait_for_code
from tests.people import Device
from tests.racing import connect

THREADS = 4
MAXIMUM = 10  # MFA_MAX_FAILURES by default
proves = pytest.mark.proves

in_parallel = [
    pytest.mark.races,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("races"),
]


def parallel(test):
    for mark in in_parallel:
        test = mark(test)
    return test


@pytest.fixture(autouse=True)
def no_mails(set_jwt):
    set_jwt(SECURITY_MAILS=False)


@pytest.fixture
def app(alice):
    """Alice's authenticator app."""
    return give_totp(alice)


@pytest.fixture
def codes(alice, app):
    """Alice's recovery codes."""
    return give_recovery_codes(alice)


@pytest.fixture
def checked(monkeypatch):
    """The codes that were compared with the secret of an authenticator app."""
    found, match = [], EncryptedTOTP.match

    def note_and_match(self, code, **keywords):
        found.append(code)
        return match(self, code, **keywords)

    monkeypatch.setattr(EncryptedTOTP, "match", note_and_match)
    return found


def guesses(app):
    """Six digits after another, but for those that are right."""
    right = {app.code(steps=steps) for steps in (-1, 0, 1)}
    return (code for code in (f"{number:06}" for number in count()) if code not in right)


def wrong_recovery_codes(codes):
    return (f"{slot % 10}-00000-00000-{slot:05}" for slot in count())


def present(user, code, *, method=None, **headers):
    """Sign in by password and present a code."""
    device = Device(**headers)
    asked = device.sign_in(user).json()
    body = {"mfa_token": asked["mfa_token"], "code": code}
    return device.post("token/mfa/", body | ({"method": method} if method else {}))


def fail(user, codes, *, times=MAXIMUM, **keywords):
    """Present so many wrong codes, each with a login of its own."""
    answers = [present(user, next(codes), **keywords) for _ in range(times)]
    assert [answer.json()["code"] for answer in answers] == ["invalid_code"] * times


def events():
    kind = SecurityEventKind.TOO_MANY_WRONG_CODES
    return [event.facts["method"] for event in SecurityEvent.objects.filter(kind=kind)]


class TestARobotThatKnowsThePassword:
    @proves("P10", "M4")
    @parallel
    def test_p10_ten_thousand_guesses_at_once_are_ten(
        self, alice, app, codes, checked, threads, throttles_off
    ):
        logins, wrong = wait_for_code(alice, 25), guesses(app)
        tries = [(login, next(wrong)) for login in logins * 400]

        def guess(number):
            found = [mfa.pending_logins.finish(*each) for each in tries[number::THREADS]]
            return {outcome.reason for outcome in found}

        reasons = threads(THREADS).at_once(*[partial(guess, number) for number in range(THREADS)])
        assert set().union(*reasons) == {"wrong_code", "pending_login_over"}
        assert len(tries) == 10_000
        assert len(checked) == MAXIMUM
        assert events() == ["totp"]
        assert present(alice, app.code()).json()["code"] == "invalid_code"
        assert present(alice, codes[0]).status_code == 200

    @proves("P10", "M4")
    @parallel
    def test_p10_neither_logins_nor_addresses_buy_more_guesses(
        self, alice, app, checked, threads, set_jwt
    ):
        set_jwt(NUM_PROXIES=1)
        wrong = guesses(app)
        devices = [Device(**{"x-forwarded-for": f"203.0.113.{number}"}) for number in range(50)]
        tries = [(device, next(wrong)) for device in devices for _ in range(10)]
        logins = {device: device.sign_in(alice).json()["mfa_token"] for device in devices}

        def guess(number):
            return [
                device.post("token/mfa/", {"mfa_token": logins[device], "code": code})
                for device, code in tries[number::THREADS]
            ]

        found = threads(THREADS).at_once(*[partial(guess, number) for number in range(THREADS)])
        found = [answer.json()["code"] for answers in found for answer in answers]
        assert found == ["invalid_code"] * 500
        assert len(checked) == MAXIMUM
        assert events() == ["totp"]

    @proves("P10", "M4")
    @parallel
    def test_p10_the_owner_gets_in_by_another_factor_meanwhile(
        self, alice, app, codes, checked, threads, throttles_off
    ):
        logins, wrong = wait_for_code(alice, 12), guesses(app)
        tries = [(login, next(wrong)) for login in logins * 10]

        def guess(number):
            for each in tries[number::3]:
                mfa.pending_logins.finish(*each)

        robots = [partial(guess, number) for number in range(3)]
        *_, answer = threads(4).at_once(*robots, lambda: present(alice, codes[5]))
        assert answer.status_code == 200
        # What the owner proves lets her try all her factors anew, and the robot too.
        assert MAXIMUM <= len(checked) <= 2 * MAXIMUM


@proves("P10", "M4")
@parallel
def test_m4_of_fifty_tries_at_once_as_many_are_judged_as_may_be_from_the_first_on(alice, threads):
    callers = threads(50)
    callers.at_once(*[connect] * 50)
    for _ in range(5):
        FactorAllowance.objects.all().delete()
        take = partial(FactorAllowance.objects.take, alice.pk, "totp", now=timezone.now())
        assert sum(callers.at_once(*[take] * 50)) == MAXIMUM
        assert FactorAllowance.objects.get().failures == MAXIMUM


@proves("P10", "M4")
def test_p10_who_has_no_password_locks_nobody(alice, app, throttles_off):
    foreign = sessions.start(alice).access
    for number in range(2 * MAXIMUM):
        assert Device().sign_in(alice, f"wrong {number}").status_code == 401
        for mfa_token in ("made.up.token", foreign, foreign[:-4] + "AAAA", ""):
            body = {"mfa_token": mfa_token, "code": "123456"}
            assert Device().post("token/mfa/", body).status_code in {400, 401}
    assert not FactorAllowance.objects.exists()
    assert present(alice, app.code()).status_code == 200


@pytest.mark.usefixtures("throttles_off")
class TestLocks:
    @proves("P10", "M4")
    def test_m4_the_last_try_may_be_right_and_one_more_may_not(self, alice, app):
        fail(alice, guesses(app), times=MAXIMUM - 1)
        assert present(alice, app.code()).status_code == 200
        fail(alice, guesses(app))
        assert present(alice, app.code(steps=1)).status_code == 401

    @proves("M4")
    def test_m4_a_lock_ends_and_no_sooner(self, alice, app, clock):
        fail(alice, guesses(app))
        clock.shift(conf.MFA_LOCK_PERIOD - timedelta(seconds=1))
        assert present(alice, app.code()).json()["code"] == "invalid_code"
        clock.shift(timedelta(seconds=1))
        assert present(alice, app.code()).status_code == 200

    @proves("M4")
    def test_m4_each_lock_takes_twice_as_long_up_to_the_longest(self, alice):
        now, locks = timezone.now(), []
        for failures in (*range(1, 111), *range(990, 1_001)):
            FactorAllowance.objects.filter(failures__lt=failures - 1).update(failures=failures - 1)
            assert FactorAllowance.objects.take(alice.pk, "totp", now=now)
            row = FactorAllowance.objects.get()
            assert row.failures == failures
            if row.locked_until and row.locked_until > now:
                locks.append((failures, row.locked_until - now))
                assert not FactorAllowance.objects.take(alice.pk, "totp", now=now)
                now = row.locked_until
        doubling = [timedelta(minutes=15) * 2**n for n in range(7)] + [timedelta(days=1)] * 2
        assert locks[:9] == [*zip(range(10, 100, 10), doubling, strict=True)]
        many = (*range(100, 111), *range(990, 1_001))
        assert locks[9:] == [(failures, timedelta(days=1)) for failures in many]

    @proves("M4")
    def test_m4_no_lock_is_longer_than_the_longest(self, alice, set_jwt):
        longest = timedelta(minutes=20)
        set_jwt(MFA_MAX_LOCK_PERIOD=longest, MFA_MAX_FAILURES=1)
        now, locks = timezone.now(), []
        for _ in range(110):
            assert FactorAllowance.objects.take(alice.pk, "totp", now=now)
            locks.append(FactorAllowance.objects.get().locked_until - now)
            now += locks[-1]
        assert locks == [timedelta(minutes=15)] + [longest] * 109

    @proves("P10", "M4")
    def test_m4_a_new_login_resets_nothing_and_a_proven_factor_does(self, alice, app, codes):
        wrong = guesses(app)
        fail(alice, wrong, times=MAXIMUM - 1)
        assert FactorAllowance.objects.get(factor="totp").failures == MAXIMUM - 1
        assert present(alice, codes[0]).status_code == 200
        fail(alice, wrong, times=MAXIMUM - 1)
        assert present(alice, app.code()).status_code == 200

    @proves("P10", "M4")
    def test_m4_a_proven_factor_ends_the_lock_of_another(self, alice, app, codes):
        fail(alice, guesses(app))
        assert present(alice, codes[0]).status_code == 200
        assert present(alice, app.code()).status_code == 200

    @proves("M4", "M8")
    def test_m8_a_login_ends_after_as_many_tries_of_all_methods(self, alice, app, codes):
        device, wrong, unknown = Device(), guesses(app), wrong_recovery_codes(codes)
        mfa_token = device.sign_in(alice).json()["mfa_token"]
        for number in range(MAXIMUM):
            code = next(unknown) if number % 2 else next(wrong)
            answer = device.post("token/mfa/", {"mfa_token": mfa_token, "code": code})
            assert answer.json()["code"] == "invalid_code"
        answer = device.post("token/mfa/", {"mfa_token": mfa_token, "code": app.code()})
        assert answer.json()["code"] == "mfa_token_expired"
        assert present(alice, app.code()).status_code == 200

    @proves("M4")
    def test_m4_each_lock_is_recorded_once(self, alice, app, clock):
        fail(alice, guesses(app), times=2 * MAXIMUM)
        assert events() == ["totp"]
        clock.shift(conf.MFA_LOCK_PERIOD)
        fail(alice, guesses(app), times=2 * MAXIMUM)
        assert events() == ["totp", "totp"]

    @proves("P10", "M4")
    def test_m4_each_method_has_a_lock_of_its_own(self, alice, app, codes, checked, monkeypatch):
        code = give_address(alice)
        fail(alice, guesses(app), method="totp")
        fail(alice, wrong_recovery_codes(codes), times=MAXIMUM + 1)
        assert sorted(events()) == ["recovery_code", "totp"]
        assert present(alice, codes[0]).json()["code"] == "invalid_code"
        assert present(alice, code, method="email").status_code == 200
        assert len(checked) == MAXIMUM

    @proves("P10", "M4")
    def test_m4_a_robot_that_tries_all_methods_in_turn_gets_as_many_of_each(
        self, alice, app, codes, checked, clock
    ):
        sent, wrong, unknown = give_address(alice), guesses(app), wrong_recovery_codes(codes)
        for number in range(10 * MAXIMUM):
            method = ("totp", "email", "recovery_code")[number % 3]
            code = next(unknown) if method == "recovery_code" else next(wrong)
            if code != sent:
                fail(alice, iter([code]), times=1, method=method)
        assert sorted(events()) == ["email", "recovery_code", "totp"]
        assert len(checked) == MAXIMUM

    @proves("M4")
    def test_m4_where_no_method_is_named_one_code_counts_for_all_that_it_may_be_of(
        self, alice, app
    ):
        give_address(alice)
        fail(alice, guesses(app), times=3)
        rows = FactorAllowance.objects.values_list("factor", "failures")
        assert set(rows) == {("totp", 3), ("email", 3)}
