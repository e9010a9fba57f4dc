"""Our devices in the hands of code that knows django-otp only: other apps, its admin, yours."""

from __future__ import annotations

import re
from datetime import timedelta

import django_otp
import pytest
from django.core import mail
from django.utils import timezone
from django_otp.models import Device as StockDevice

from jwt_sessions.models import EncryptedTOTP, FactorAllowance, MessageDevice, RecoveryCodes

proves = pytest.mark.proves


@pytest.fixture
def address(alice):
    """Alice's address for codes."""
    return MessageDevice.objects.create(
        user=alice, channel="email", address="alice@home.example", confirmed=True
    )


def verify(user, model, code):
    """Do what a login form of django-otp does."""
    device = model.objects.get(user=user)
    return django_otp.verify_token(user, device.persistent_id, code)


def sent_code():
    return re.search(r"\b[0-9]{6}\b", mail.outbox[-1].body)[0]


def test_each_of_our_devices_is_listed_once(alice, authenticator, address):
    found = [type(device) for device in django_otp.devices_for_user(alice)]
    assert sorted(found, key=str) == sorted([EncryptedTOTP, RecoveryCodes, MessageDevice], key=str)


def test_who_has_one_of_our_devices_has_a_device(alice, bob, authenticator):
    assert django_otp.user_has_device(alice)
    assert not django_otp.user_has_device(bob)


def test_what_is_not_confirmed_is_no_device(alice, phone):
    phone.post("mfa/totp/")
    assert not django_otp.user_has_device(alice)
    assert django_otp.user_has_device(alice, confirmed=None)


def test_each_of_our_devices_is_found_by_its_persistent_id(alice, authenticator, address):
    for device in django_otp.devices_for_user(alice):
        assert StockDevice.from_persistent_id(device.persistent_id) == device


@proves("M1")
def test_m1_a_code_of_the_app_is_verified_once(alice, authenticator):
    code = authenticator.code()
    assert verify(alice, EncryptedTOTP, code) is not None
    assert verify(alice, EncryptedTOTP, code) is None


@proves("M5")
def test_m5_a_recovery_code_is_verified_once(alice, authenticator):
    code = authenticator.recovery_codes[4]
    assert verify(alice, RecoveryCodes, code) is not None
    assert verify(alice, RecoveryCodes, code) is None


def test_a_code_that_was_sent_is_verified_once(alice, address):
    assert address.is_interactive()
    assert address.generate_challenge() == "sent to a•••@home.example"
    code = sent_code()
    assert verify(alice, MessageDevice, code) is not None
    assert verify(alice, MessageDevice, code) is None


def test_only_an_address_is_sent_codes(alice, authenticator, address):
    senders = [each for each in django_otp.devices_for_user(alice) if each.is_interactive()]
    assert senders == [address]


@proves("A2")
def test_a2_nobody_verifies_by_anothers_device(alice, bob, authenticator):
    device = EncryptedTOTP.objects.get(user=alice)
    assert django_otp.verify_token(bob, device.persistent_id, authenticator.code()) is None


@pytest.mark.parametrize("kind", ["app", "recovery code", "address"])
def test_match_token_finds_which_device_a_code_is_of(alice, authenticator, address, kind):
    address.generate_challenge()
    codes = {
        "app": (authenticator.code(), EncryptedTOTP),
        "recovery code": (authenticator.recovery_codes[0], RecoveryCodes),
        "address": (sent_code(), MessageDevice),
    }
    code, model = codes[kind]
    assert isinstance(django_otp.match_token(alice, code), model)
    assert django_otp.match_token(alice, code) is None


@proves("M6")
@pytest.mark.parametrize("bend", [" {}", "{} ", "+{}", "0{}", "{}\n"])
def test_m6_our_app_takes_ascii_digits_only(alice, authenticator, bend):
    assert verify(alice, EncryptedTOTP, bend.format(authenticator.code())) is None


@proves("M4")
@pytest.mark.parametrize("model", [EncryptedTOTP, RecoveryCodes, MessageDevice])
def test_m4_wrong_codes_lock_our_devices_here_too(alice, authenticator, address, set_jwt, model):
    set_jwt(MFA_MAX_FAILURES=3)
    for _ in range(3):
        assert verify(alice, model, authenticator.wrong_code()) is None
    is_allowed, facts = model.objects.get(user=alice).verify_is_allowed()
    assert not is_allowed
    assert facts["locked_until"] == timezone.now() + timedelta(minutes=15)


@proves("M4")
def test_m4_a_locked_app_takes_no_good_code_and_others_do(alice, authenticator, set_jwt):
    set_jwt(MFA_MAX_FAILURES=3)
    for _ in range(3):
        verify(alice, EncryptedTOTP, authenticator.wrong_code())
    assert verify(alice, EncryptedTOTP, authenticator.code()) is None
    assert verify(alice, RecoveryCodes, authenticator.recovery_codes[0]) is not None


@proves("M4")
def test_m4_what_fails_here_counts_at_sign_in(alice, authenticator):
    verify(alice, EncryptedTOTP, authenticator.wrong_code())
    assert FactorAllowance.objects.get(user=alice, factor="totp").failures == 1


def test_a_good_code_here_begins_the_count_anew(alice, authenticator):
    verify(alice, EncryptedTOTP, authenticator.wrong_code())
    verify(alice, EncryptedTOTP, authenticator.code())
    assert FactorAllowance.objects.get(user=alice, factor="totp").failures == 0


def test_a_code_tried_here_is_spent_at_sign_in(alice, phone, authenticator):
    code = authenticator.code()
    verify(alice, EncryptedTOTP, code)
    assert phone.post("token/step-up/", {"code": code}).json()["code"] == "invalid_code"


@proves("P8")
def test_p8_an_app_whose_secret_is_lost_lets_nobody_in(alice, authenticator, caplog):
    EncryptedTOTP.objects.update(key_id="00000000")
    assert verify(alice, EncryptedTOTP, authenticator.code()) is None
    assert "cannot be asked" in caplog.text
    assert isinstance(django_otp.match_token(alice, authenticator.recovery_codes[0]), RecoveryCodes)
