"""Signing in with two factors and stepping up, as an API client does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend

from jwt_sessions import mfa, sessions
from jwt_sessions.mfa import step_up
from jwt_sessions.models import FactorAllowance, PendingLogin, Session
from tests.authenticators import enroll, enter
from tests.factors import give_recovery_codes
from tests.people import Device, claims_of

proves = pytest.mark.proves


class ConfusedBackend(ModelBackend):
    """It takes everybody for Bob."""

    def authenticate(self, request, **credentials):
        return get_user_model().objects.get(email="bob@example.com")


def begin(user, **extra):
    """A device that has proven the password, and the answer it got."""
    device = Device()
    return device, device.sign_in(user, **extra).json()


def finish(device, asked, code, **extra):
    return enter(device, asked["mfa_token"], code, **extra)


def in_digits_of(zero, code):
    """The same number in the digits of another script, the first of which is `zero`."""
    return "".join(chr(zero + int(digit)) for digit in code)


class TestSignIn:
    def test_the_right_password_is_answered_with_what_is_still_to_come(self, alice, authenticator):
        answer = Device().sign_in(alice)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
        assert answer["Cache-Control"] == "no-store"
        body = answer.json()
        assert body.keys() == {"detail", "code", "mfa_token", "methods", "expires_in"}
        assert (body["code"], body["expires_in"]) == ("mfa_required", 300)
        assert body["methods"] == ["totp", "recovery_code"]

    @proves("C10", "P9")
    def test_p9_a_code_completes_it(self, alice, authenticator):
        device, asked = begin(alice, device_name="Tablet")
        assert finish(device, asked, authenticator.code()).status_code == 200
        claims = claims_of(device.access)
        assert (claims["amr"], claims["acr"]) == (["pwd", "otp", "mfa"], "aal2")
        assert device.session.device_name == "Tablet"
        assert device.call_protected().status_code == 200

    @proves("P9", "M10")
    def test_p9_without_the_code_there_is_no_session(self, alice, authenticator):
        before = Session.objects.count()
        begin(alice)
        assert Session.objects.count() == before

    @proves("M1", "P10")
    def test_p10_a_code_works_once(self, alice, authenticator):
        code = authenticator.code()
        device, asked = begin(alice)
        finish(device, asked, code)
        other, asked = begin(alice)
        assert finish(other, asked, code).json()["code"] == "invalid_code"

    @proves("M1")
    def test_a_code_older_than_the_last_one_used_does_not_work(self, alice, authenticator):
        device, asked = begin(alice)
        finish(device, asked, authenticator.code(steps=1))
        other, asked = begin(alice)
        assert finish(other, asked, authenticator.code()).status_code == 401

    @proves("M1")
    def test_the_code_that_enrolled_does_not_sign_in(self, alice, phone):
        app = enroll(phone)
        device, asked = begin(alice)
        assert finish(device, asked, app.code()).status_code == 401

    @proves("M11")
    def test_a_wrong_code_is_told_apart_from_a_wrong_password(self, alice, authenticator):
        device, asked = begin(alice)
        wrong = finish(device, asked, authenticator.wrong_code())
        assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_code")
        assert finish(device, asked, authenticator.code()).status_code == 200

    @proves("M2")
    @pytest.mark.parametrize(
        ("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)]
    )
    def test_one_step_of_drift_is_accepted_and_two_are_not(
        self, alice, authenticator, clock, steps, status
    ):
        clock.shift(300)
        device, asked = begin(alice)
        assert finish(device, asked, authenticator.code(steps=steps)).status_code == status

    @proves("M6")
    @pytest.mark.parametrize(
        "bend",
        [
            lambda code: in_digits_of(0xFF10, code),
            lambda code: in_digits_of(0x660, code),
            lambda code: f" {code}",
            lambda code: f"{code[:2]}_{code[2:]}",
            lambda code: f"{code} ",
            lambda code: f"+{code}",
            lambda code: f"0{code}",
            lambda code: f"{code}\n",
            lambda code: code[:-1],
            lambda code: f"{code}\0",
        ],
        ids=[
            "full width",
            "arabic",
            "space before",
            "underscore",
            "space after",
            "sign",
            "zero",
            "newline",
            "short",
            "nul",
        ],
    )
    def test_a_code_is_six_ascii_digits_and_nothing_else(self, alice, authenticator, bend):
        device, asked = begin(alice)
        assert finish(device, asked, bend(authenticator.code())).status_code in {400, 401}

    def test_a_number_is_no_text_but_may_be_a_code(self, alice, authenticator):
        device, asked = begin(alice)
        assert finish(device, asked, [authenticator.code()]).status_code == 400

    def test_a_method_that_the_person_does_not_have_is_an_invalid_code(self, alice, authenticator):
        device, asked = begin(alice)
        answer = finish(device, asked, authenticator.code(), method="sms")
        assert answer.json()["code"] == "invalid_code"

    @proves("P10")
    def test_a_mistaken_method_counts_against_no_factor(self, alice, authenticator):
        device, asked = begin(alice)
        finish(device, asked, authenticator.code(), method="sms")
        assert not FactorAllowance.objects.filter(failures__gt=0).exists()


class TestPendingLogin:
    @proves("M8", "P10")
    def test_it_is_completed_once(self, alice, authenticator, clock):
        device, asked = begin(alice)
        finish(device, asked, authenticator.code())
        clock.shift(30)
        again = finish(Device(), asked, authenticator.code())
        assert again.json()["code"] == "mfa_token_expired"

    @proves("M8")
    @pytest.mark.parametrize(("seconds", "status"), [(299, 200), (300, 401)])
    def test_it_waits_for_five_minutes(self, alice, authenticator, clock, seconds, status):
        device, asked = begin(alice)
        clock.shift(seconds)
        answer = finish(device, asked, authenticator.code())
        assert answer.status_code == status
        assert status == 200 or answer.json()["code"] == "mfa_token_expired"

    @pytest.mark.parametrize("kind", ["access", "refresh_token"])
    @proves("M8", "C2")
    def test_no_other_token_stands_for_it(self, phone, authenticator, kind):
        asked = {"mfa_token": getattr(phone, kind)}
        answer = finish(Device(), asked, authenticator.code())
        assert answer.json()["code"] == "mfa_token_expired"

    @proves("M12")
    def test_the_password_is_not_kept(self, alice, authenticator):
        alice.set_password("correct horse")
        alice.save()
        begin(alice, password="correct horse")
        assert "correct horse" not in str(PendingLogin.objects.values().get())

    def test_those_that_are_over_are_cleared_by_the_next_one(self, alice, authenticator, clock):
        begin(alice)
        clock.shift(600)
        begin(alice)
        assert PendingLogin.objects.count() == 1

    def test_a_project_with_a_first_factor_of_its_own_goes_on_by_sign_in(
        self, alice, authenticator
    ):
        needed = mfa.sign_in(alice, amr=["hwk"], data={"from": "elsewhere"})
        done = mfa.pending_logins.finish(needed.mfa_token, authenticator.code())
        assert done.pair.session.amr == ["hwk", "otp", "mfa"]
        assert done.pair.session.data == {"from": "elsewhere"}

    def test_who_has_proven_two_factors_already_is_asked_for_no_other(self, alice, authenticator):
        pair = mfa.sign_in(alice, amr=["hwk", "user", "mfa"])
        assert claims_of(pair.access)["acr"] == "aal2"


class TestRecoveryCodes:
    @proves("M5", "P10")
    def test_one_signs_in_once(self, alice, authenticator):
        code = authenticator.recovery_codes[0]
        device, asked = begin(alice)
        done = finish(device, asked, code)
        assert done.json()["recovery_codes_remaining"] == 9
        other, asked = begin(alice)
        assert finish(other, asked, code).json()["code"] == "invalid_code"

    @pytest.mark.parametrize(
        "spell",
        [
            str.lower,
            lambda code: code.replace("-", ""),
            lambda code: code.replace("-", " "),
            lambda code: f"  {code.replace('-', ' - ')}\n",
            lambda code: code.replace("-", "\u2013"),
            lambda code: code.replace("0", "O").replace("1", "l"),
        ],
        ids=["lower case", "no dashes", "spaces", "both", "other dashes", "look-alikes"],
    )
    @proves("M5")
    def test_it_may_be_typed_in_any_way(self, alice, authenticator, spell):
        device, asked = begin(alice)
        code = spell(authenticator.recovery_codes[1])
        assert finish(device, asked, code).status_code == 200

    def test_by_themselves_they_are_no_second_factor(self, alice):
        give_recovery_codes(alice)
        assert Device().sign_in(alice).status_code == 200


class TestStepUp:
    @proves("C10")
    def test_a_code_renews_what_the_token_says(self, alice, authenticator, phone, clock):
        before = claims_of(phone.access)
        clock.shift(3_600)
        phone.refresh()
        answer = phone.post("token/step-up/", {"code": authenticator.code()})
        after = claims_of(answer.json()["access"])
        assert after["sid"] == before["sid"]
        assert after["auth_time"] == before["auth_time"] + 3_630
        assert (after["amr"], after["acr"]) == (["pwd", "otp", "mfa"], "aal2")

    @proves("C10", "P6")
    def test_p6_a_refresh_keeps_what_was_proven_and_does_not_renew_it(
        self, authenticator, phone, clock
    ):
        phone.access = phone.post("token/step-up/", {"code": authenticator.code()}).json()["access"]
        proven = claims_of(phone.access)
        clock.shift(600)
        phone.refresh()
        kept = claims_of(phone.access)
        assert all(kept[name] == proven[name] for name in ("auth_time", "amr", "acr"))

    def test_who_has_no_second_factor_proves_the_password(self, phone, clock):
        clock.shift(3_000)
        phone.refresh()
        answer = phone.post("token/step-up/", {"password": "alice"})
        assert claims_of(answer.json()["access"])["auth_time"] == claims_of(phone.access)["iat"]
        assert claims_of(answer.json()["access"])["acr"] == "aal1"

    @proves("A2")
    def test_a2_a_password_that_a_backend_takes_for_anothers_proves_nothing(
        self, phone, bob, settings
    ):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ConfusedBackend"]
        answer = phone.post("token/step-up/", {"password": "alice"})
        assert answer.json()["code"] == "invalid_password"

    @proves("P9")
    def test_p9_who_has_one_needs_it(self, phone, authenticator):
        answer = phone.post("token/step-up/", {"password": "alice"})
        assert answer.json()["code"] == "insufficient_user_authentication"
        assert answer.json()["acr_values"] == "aal2"

    def test_a_wrong_password_is_counted_and_told(self, phone, set_jwt):
        set_jwt(THROTTLE_RATES={"sign_in_account": "1/hour"})
        wrong = {"password": "a wrong one"}
        assert phone.post("token/step-up/", wrong).json()["code"] == "invalid_password"
        phone.post(
            "token/step-up/", wrong
        )  # the allowance of a network that she has signed in from
        assert phone.post("token/step-up/", wrong).status_code == 429

    @proves("P10")
    def test_p10_wrong_codes_of_a_network_are_limited(self, phone, authenticator, set_jwt):
        set_jwt(THROTTLE_RATES={"second_factor": "2/min"})
        wrong = {"code": authenticator.wrong_code()}
        answers = [phone.post("token/step-up/", wrong).status_code for _ in range(3)]
        assert answers == [401, 401, 429]

    def test_a_wrong_code_is_told(self, phone, authenticator):
        answer = phone.post("token/step-up/", {"code": authenticator.wrong_code()})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")

    def test_a_code_or_a_password_must_be_there(self, phone):
        assert phone.post("token/step-up/", {}).json() == {"code": ["This field is required."]}

    def test_a_recovery_code_steps_up_too(self, phone, authenticator):
        answer = phone.post("token/step-up/", {"code": authenticator.recovery_codes[2]})
        assert answer.json()["recovery_codes_remaining"] == 9

    @proves("P5")
    def test_p5_a_session_revoked_meanwhile_stays_dead(self, phone, authenticator, monkeypatch):
        prove = step_up.prove

        def revoke_first(*args, **kwargs):
            sessions.revoke(phone.session.pk, reason="signed_out")
            return prove(*args, **kwargs)

        monkeypatch.setattr(step_up, "prove", revoke_first)
        answer = phone.post("token/step-up/", {"code": authenticator.code()})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
        assert phone.session.is_revoked


class TestLimitOfSessions:
    def test_a_refused_session_spends_no_code_nor_a_try(self, alice, authenticator, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=1, SESSION_LIMIT_POLICY="refuse")
        device, asked = begin(alice)
        assert finish(device, asked, authenticator.code()).status_code == 409
        assert FactorAllowance.objects.get().failures == 0
        set_jwt(MAX_SESSIONS_PER_USER=2)
        assert finish(device, asked, authenticator.code()).status_code == 200


@proves("M4")
def test_a_right_password_is_no_failed_sign_in(alice, authenticator, set_jwt):
    set_jwt(THROTTLE_RATES={"sign_in_account": "1/hour", "sign_in": "1/min"})
    assert [Device().sign_in(alice).status_code for _ in range(3)] == [401, 401, 401]


def test_who_has_no_second_factor_signs_in_as_before(alice, bob, authenticator):
    device = Device()
    assert device.sign_in(bob).json().keys() == {"access", "refresh"}
    assert claims_of(device.access)["amr"] == ["pwd"]


@proves("P10", "M4")
def test_p10_a_caller_who_guesses_too_fast_must_wait(alice, authenticator, set_jwt):
    set_jwt(THROTTLE_RATES={"second_factor": "2/min"})
    device, asked = begin(alice)
    for _ in range(2):
        finish(device, asked, authenticator.wrong_code())
    answer = finish(device, asked, authenticator.code())
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")


def test_a_lifetime_of_its_own(alice, authenticator, set_jwt):
    set_jwt(MFA_PENDING_LOGIN_LIFETIME=timedelta(minutes=1))
    assert begin(alice)[1]["expires_in"] == 60
