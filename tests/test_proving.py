"""What is spent and what is counted when a code is judged, in cases that are not everybody's."""

from __future__ import annotations

import pytest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice as StockTOTP

from jwt_sessions.mfa import proving
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    MessageDevice,
    PendingLogin,
    RecoveryCodes,
    SecurityEvent,
)
from tests.authenticators import Authenticator
from tests.factors import give_address, give_recovery_codes, give_stock_totp, give_totp
from tests.people import Device

proves = pytest.mark.proves


@pytest.fixture
def app(alice) -> Authenticator:
    """Alice's authenticator app, all of whose codes are unspent."""
    return give_totp(alice)


@pytest.fixture
def unreadable_app(alice, app):
    """Another app of Alice's, whose secret was encrypted by a key that is gone."""
    other = give_totp(alice)
    pk = other.id.rpartition("-")[2]
    EncryptedTOTP.objects.filter(pk=pk).update(key_id="00000000")
    return other


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen once a code is being judged: ``meanwhile(act)``."""
    load_all = proving.load_all

    def arrange(act):
        def act_and_load(devices):
            act()
            return load_all(devices)

        monkeypatch.setattr(proving, "load_all", act_and_load)

    yield arrange
    monkeypatch.undo()


def ask(user):
    return Device().sign_in(user).json()["mfa_token"]


def answer(mfa_token, code):
    return Device().post("token/mfa/", {"mfa_token": mfa_token, "code": code})


@proves("M4")
def test_m4_wrong_codes_count_though_another_app_cannot_be_read(alice, unreadable_app, app):
    answer(ask(alice), app.wrong_code())
    assert FactorAllowance.objects.get(factor="totp").failures == 1


@proves("M4")
def test_m4_wrong_codes_lock_though_another_app_cannot_be_read(alice, unreadable_app, app, set_jwt):
    set_jwt(MFA_MAX_FAILURES=3, THROTTLE_RATES=None)
    for _ in range(3):
        answer(ask(alice), app.wrong_code())
    assert answer(ask(alice), app.code()).json()["code"] == "invalid_code"


@proves("P8", "M4")
def test_p8_a_code_that_no_app_could_judge_is_no_wrong_one_and_forgives_none(alice, app):
    give_address(alice)
    answer(ask(alice), app.wrong_code())
    EncryptedTOTP.objects.update(key_id="00000000")
    body = {"mfa_token": ask(alice), "code": app.code(), "method": "totp"}
    assert Device().post("token/mfa/", body).status_code == 503
    assert [row.failures for row in FactorAllowance.objects.all()] == [1, 1]


@proves("P8", "M4")
def test_p8_a_code_that_no_app_could_judge_locks_nothing(alice, app, set_jwt):
    set_jwt(MFA_MAX_FAILURES=1, MFA_ENCRYPTION_KEYS=["a key that has encrypted nothing so far"])
    assert answer(ask(alice), app.code()).status_code == 503
    set_jwt(MFA_ENCRYPTION_KEYS=None)
    assert answer(ask(alice), app.code()).status_code == 200


@proves("P8")
def test_p8_an_enrollment_that_could_not_be_judged_counts_no_wrong_code(phone):
    begun = phone.post("mfa/totp/").json()
    code = Authenticator(begun["otpauth_uri"]).code()
    EncryptedTOTP.objects.update(key_id="00000000")
    assert phone.post(f"mfa/totp/{begun['id']}/confirm/", {"code": code}).status_code == 503
    assert FactorAllowance.objects.get(factor="totp").failures == 0


@proves("P8")
def test_p8_what_django_otp_could_not_have_judged_counts_no_wrong_code(app):
    EncryptedTOTP.objects.update(key_id="00000000")
    assert not EncryptedTOTP.objects.get().verify_token(app.code())
    assert FactorAllowance.objects.get(factor="totp").failures == 0


@proves("M1", "M8")
def test_m8_a_login_that_ends_while_its_code_is_judged_starts_no_session(alice, app, meanwhile):
    mfa_token = ask(alice)
    meanwhile(lambda: PendingLogin.objects.filter(used_at=None).update(used_at=timezone.now()))
    assert answer(mfa_token, app.code()).json()["code"] == "mfa_token_expired"
    assert not alice.jwt_sessions.exists()


@proves("M4", "M8")
def test_m8_a_login_that_ends_while_its_code_is_judged_spends_and_counts_none(
    alice, app, meanwhile
):
    mfa_token = ask(alice)
    meanwhile(lambda: PendingLogin.objects.filter(used_at=None).update(used_at=timezone.now()))
    answer(mfa_token, app.code())
    assert EncryptedTOTP.objects.get().last_step == -1
    assert FactorAllowance.objects.get(factor="totp").failures == 0


@proves("M4")
def test_m4_a_code_that_locks_two_factors_is_on_record_for_both(alice, app, set_jwt):
    give_address(alice)
    set_jwt(MFA_MAX_FAILURES=1)
    answer(ask(alice), app.wrong_code())
    locked = [event.facts["method"] for event in SecurityEvent.objects.all()]
    assert sorted(locked) == ["email", "totp"]


def test_a_stock_app_that_stops_counting_while_its_code_is_judged_lets_nobody_in(alice, meanwhile):
    app, rows = give_stock_totp(alice), StockTOTP.objects.all()
    mfa_token = ask(alice)
    meanwhile(lambda: rows.update(confirmed=False))
    assert answer(mfa_token, app.code()).json()["code"] == "invalid_code"
    assert not rows.get().confirmed


@proves("M1")
@pytest.mark.parametrize("model", [EncryptedTOTP, RecoveryCodes, MessageDevice])
def test_m1_a_code_that_two_callers_have_matched_is_spent_by_one(alice, app, model):
    sent, recovery_codes = give_address(alice), give_recovery_codes(alice)
    codes = {EncryptedTOTP: app.code(), RecoveryCodes: recovery_codes[3], MessageDevice: sent}
    now, callers = timezone.now(), [model.objects.get(), model.objects.get()]
    matched = [device.match(codes[model], now=now) for device in callers]
    accepted = [
        device.accept(match, now=now) for device, match in zip(callers, matched, strict=True)
    ]
    assert accepted == [True, False]


@proves("M6")
def test_m6_a_code_that_no_encoding_has_is_none_of_an_address(alice):
    give_address(alice)
    assert MessageDevice.objects.get().match("\ud800", now=timezone.now()) is None


@proves("M4")
def test_m4_an_enrollment_that_locks_its_factor_is_on_record(phone, set_jwt):
    set_jwt(MFA_MAX_FAILURES=1)
    begun = phone.post("mfa/totp/").json()
    wrong = Authenticator(begun["otpauth_uri"]).wrong_code()
    phone.post(f"mfa/totp/{begun['id']}/confirm/", {"code": wrong})
    assert SecurityEvent.objects.get().facts == {"method": "totp"}
