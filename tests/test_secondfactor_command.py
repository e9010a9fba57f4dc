"""``manage.py secondfactor``: what an operator does to second factors."""

from __future__ import annotations

import builtins
from base64 import b32encode
from binascii import hexlify
from contextlib import suppress
from io import StringIO

import django_otp
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from jwt_sessions import mfa, sessions
from jwt_sessions.encryption import all_keys
from jwt_sessions.mfa import adopting, reencrypting
from jwt_sessions.models import EncryptedTOTP, PendingLogin, SecurityEvent, Session
from tests.authenticators import enroll, sign_in_by
from tests.factors import app_of
from tests.people import Device

proves = pytest.mark.proves

OLD, NEW = "an-old-key-that-is-long-enough-" * 2, "a-new-key-that-is-long-enough-" * 2


def run(*arguments):
    output = StringIO()
    call_command("secondfactor", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def run_and_fail(*arguments):
    """Return what was said, and the error that made the exit code 1."""
    output = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("secondfactor", *arguments, stdout=output, stderr=output)
    return output.getvalue(), str(error.value)


@pytest.fixture
def stock(alice):
    """Alice's authenticator app, enrolled long ago with django-otp."""
    return TOTPDevice.objects.create(user=alice, name="Old phone")


# reencrypt


@proves("M3")
def test_m3_a_secret_comes_under_the_newest_key(alice, phone, set_jwt, clock):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    authenticator = enroll(phone)
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    assert run("reencrypt") == "Encrypted 1 secret anew.\n"
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW])
    clock.shift(30)
    assert sign_in_by(alice, authenticator.code()).status_code == 200


def test_what_is_under_the_newest_key_is_left_alone(phone):
    enroll(phone)
    before = EncryptedTOTP.objects.get().encrypted_secret
    assert run("reencrypt") == "Encrypted 0 secrets anew.\n"
    assert EncryptedTOTP.objects.get().encrypted_secret == before


def test_many_secrets_are_encrypted_batch_by_batch(alice, bob, set_jwt, monkeypatch):
    monkeypatch.setattr(reencrypting, "BATCH", 2)
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    for user in (alice, bob, alice, bob, alice):
        EncryptedTOTP.make(user_id=user.pk)
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    assert run("reencrypt") == "Encrypted 5 secrets anew.\n"
    assert not EncryptedTOTP.objects.exclude(key_id=all_keys()[0].id).exists()


@proves("P11")
def test_p11_secrets_whose_key_is_gone_are_named_and_the_others_done(alice, bob, set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=["a key that somebody threw away, alas!"])
    lost = EncryptedTOTP.make(user_id=alice.pk)
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    EncryptedTOTP.make(user_id=bob.pk)
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    said, error = run_and_fail("reencrypt")
    assert said == "Encrypted 1 secret anew.\n"
    assert f"1 secret cannot be decrypted, of the devices {lost.pk}." in error


@proves("M1")
def test_m1_a_code_used_meanwhile_stays_used(alice, phone, set_jwt, clock):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    authenticator = enroll(phone)
    clock.shift(30)
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    stale = EncryptedTOTP.objects.get()
    assert sign_in_by(alice, authenticator.code()).status_code == 200
    assert stale.keep(stale.secret)
    assert sign_in_by(alice, authenticator.code()).status_code == 401


def test_a_secret_that_somebody_else_replaced_is_not_replaced(alice, set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    device = EncryptedTOTP.make(user_id=alice.pk)
    stale = EncryptedTOTP.objects.get()
    device.keep(b"another secret of 20")
    assert not stale.keep(stale.secret)
    assert EncryptedTOTP.objects.get().secret == b"another secret of 20"


def test_without_a_key_nothing_is_encrypted(db, set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[])
    assert "MFA_ENCRYPTION_KEYS is empty" in run_and_fail("reencrypt")[1]


# adopt


@proves("M3")
def test_m3_a_stock_app_goes_on_with_its_secret_encrypted(alice, stock, clock):
    assert run("adopt").startswith("Moved 1 authenticator app.\n")
    assert not TOTPDevice.objects.exists()
    assert EncryptedTOTP.objects.get().secret == stock.bin_key
    assert sign_in_by(alice, app_of(stock).code()).status_code == 200


def test_a_stock_app_keeps_its_name_and_times(alice, stock, clock):
    added = timezone.now()
    clock.shift(3600)
    sign_in_by(alice, app_of(stock).code())
    run("adopt")
    [device] = mfa.list_devices(alice)
    assert device.name == "Old phone"
    assert (device.confirmed_at, device.last_used_at) == (added, timezone.now())


@proves("M1")
def test_m1_a_code_used_before_the_move_is_used_after_it(alice, stock):
    code = app_of(stock).code()
    assert sign_in_by(alice, code).status_code == 200
    run("adopt")
    assert sign_in_by(alice, code).status_code == 401
    assert sign_in_by(alice, app_of(stock).code(steps=1)).status_code == 200


@proves("P9")
def test_p9_what_was_not_confirmed_is_not_after_the_move(alice, stock):
    TOTPDevice.objects.update(confirmed=False)
    run("adopt")
    assert EncryptedTOTP.objects.get().confirmed_at is None
    assert not mfa.has_second_factor(alice)


@pytest.mark.parametrize("drift", [-1, 0, 1])
def test_a_clock_that_differs_by_a_step_is_tolerated(alice, stock, drift):
    TOTPDevice.objects.update(drift=drift)
    run("adopt")
    assert sign_in_by(alice, app_of(stock).code(steps=drift)).status_code == 200


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"digits": 8}, "its codes have not 6 digits"),
        ({"step": 60}, "its steps are not of 30 seconds"),
        ({"t0": 1}, "its steps are not counted from 1970"),
        ({"drift": 2}, "its clock differs by more than a step"),
        ({"drift": -2}, "its clock differs by more than a step"),
        ({"key": "xyz"}, "its secret cannot be read"),
        ({"key": "abc"}, "its secret cannot be read"),
        ({"key": ""}, "its secret cannot be read"),
    ],
    ids=["digits", "step", "start", "fast", "slow", "no hex", "half a byte", "empty"],
)
def test_an_app_of_another_kind_is_left_and_counted(stock, values, reason):
    TOTPDevice.objects.update(**values)
    assert run("adopt") == f"Moved 0 authenticator apps.\nLeft 1: {reason}.\n"
    assert TOTPDevice.objects.count() == 1
    assert not EncryptedTOTP.objects.exists()


def test_a_rehearsal_moves_nothing_and_says_the_same(alice, stock):
    TOTPDevice.objects.create(user=alice, digits=8)
    said = run("adopt", "--dry-run")
    assert TOTPDevice.objects.count() == 2
    assert said.replace("Would move", "Moved") == run("adopt")


def test_to_adopt_again_does_nothing(stock):
    run("adopt")
    assert run("adopt") == "Moved 0 authenticator apps.\n"


def test_other_devices_stay(alice, stock):
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    run("adopt")
    assert sign_in_by(alice, "abcdefgh").status_code == 200


def test_many_apps_are_moved_batch_by_batch(alice, bob, monkeypatch):
    monkeypatch.setattr(adopting, "BATCH", 2)
    for user in (alice, bob, alice, bob, alice):
        TOTPDevice.objects.create(user=user)
    assert run("adopt").startswith("Moved 5 authenticator apps.\n")
    assert EncryptedTOTP.objects.filter(user=alice).count() == 3


@proves("P11")
def test_p11_beside_django_two_factor_auth_nothing_is_moved_unforced(stock, monkeypatch):
    installed = adopting.apps.is_installed
    monkeypatch.setattr(
        adopting.apps, "is_installed", lambda name: name == "two_factor" or installed(name)
    )
    said, error = run_and_fail("adopt")
    assert "django-two-factor-auth knows no devices" in said
    assert "--force" in error
    assert TOTPDevice.objects.exists()
    assert "Moved 1 authenticator app" in run("adopt", "--force")


def test_without_django_otps_app_there_is_nothing_to_move(db, monkeypatch):
    monkeypatch.setattr(adopting.apps, "is_installed", lambda name: False)
    assert run("adopt") == "Moved 0 authenticator apps.\n"


def test_an_app_that_went_meanwhile_is_not_missed(stock, monkeypatch):
    listed = list(adopting._stock_rows())
    TOTPDevice.objects.all().delete()
    monkeypatch.setattr(adopting, "_stock_rows", lambda: listed)
    assert run("adopt") == run("adopt", "--dry-run").replace("Would move", "Moved")
    assert not EncryptedTOTP.objects.exists()


def test_no_key_no_move(stock, set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[])
    run_and_fail("adopt")
    assert TOTPDevice.objects.exists()
    assert not EncryptedTOTP.objects.exists()


@pytest.mark.races
@proves("P10", "M1")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("throttles_off")
@pytest.mark.parametrize("attempt", range(3))
def test_p10_a_code_that_meets_the_move_works_once(alice, threads, set_jwt, attempt):
    set_jwt(THROTTLE_RATES=None, MFA_MAX_FAILURES=100)
    stock = TOTPDevice.objects.create(user=alice)
    code = app_of(stock).code()
    acts = [lambda: sign_in_by(alice, code).status_code] * 4
    *statuses, said = threads(5).at_once(*acts, lambda: run("adopt"))
    assert "Moved 1 authenticator app" in said
    statuses.append(sign_in_by(alice, code).status_code)
    assert sorted(statuses) == [200, 401, 401, 401, 401]


@pytest.mark.races
@proves("P10", "M1")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("throttles_off")
def test_p10_a_code_that_others_verify_meanwhile_works_once(alice, threads):
    stock = TOTPDevice.objects.create(user=alice)
    code = app_of(stock).code()

    def verify():
        # SQLite cannot wait for its turn after a read.
        with suppress(OperationalError):
            return django_otp.verify_token(alice, stock.persistent_id, code) is not None

    *verified, _ = threads(4).at_once(*[verify] * 3, lambda: run("adopt"))
    verified.append(sign_in_by(alice, code).status_code == 200)
    assert verified.count(True) == 1
    assert not TOTPDevice.objects.exists()


# reset


@pytest.fixture
def answers(monkeypatch):
    """Answer what the command asks: ``answers("y")``."""

    def answer(text):
        monkeypatch.setattr(builtins, "input", lambda question: text)

    return answer


def test_a_lost_phone_is_reset(alice, phone):
    enroll(phone, name="Pixel")
    said = run("reset", alice.get_username(), "--yes")
    assert '  totp "Pixel"\n' in said
    assert "Removed 2 devices" in said
    assert Device().sign_in(alice).status_code == 200
    assert SecurityEvent.objects.filter(user_id=alice.pk, kind="factors_reset").exists()


def test_what_was_only_begun_goes_too_and_is_not_counted(alice, phone):
    enroll(phone)
    phone.post("mfa/totp/", {})
    assert "Removed 2 devices" in run("reset", alice.get_username(), "--yes")
    assert not EncryptedTOTP.objects.exists()


def test_stock_devices_are_reset_too(alice, stock):
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    run("reset", alice.get_username(), "--yes")
    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()


def test_a_pending_login_ends_with_a_reset(alice, stock):
    Device().sign_in(alice)
    run("reset", alice.get_username(), "--yes")
    assert not PendingLogin.objects.exists()


def test_sessions_go_on_unless_asked(alice, stock):
    live = [sessions.start(alice), sessions.start(alice)]
    assert "2 sessions left; --end-sessions" in run("reset", alice.get_username(), "--yes")
    assert Session.objects.live().count() == len(live)


def test_sessions_end_if_asked(alice, stock):
    sessions.start(alice)
    assert "Ended 1 session." in run("reset", alice.get_username(), "--yes", "--end-sessions")
    assert Session.objects.get().revoked_reason == "revoked_by_staff"


@pytest.mark.parametrize("answer", ["", "n", "yes please", "N"])
def test_who_is_not_sure_removes_nothing(alice, stock, answers, answer):
    answers(answer)
    assert run_and_fail("reset", alice.get_username())[1] == "Nothing was removed."
    assert TOTPDevice.objects.exists()


def test_who_is_sure_says_so(alice, stock, answers):
    answers(" Y ")
    assert "Removed 1 device" in run("reset", alice.get_username())


def test_where_nobody_can_answer_nothing_is_removed(alice, stock, monkeypatch):
    def nobody(question):
        raise EOFError

    monkeypatch.setattr(builtins, "input", nobody)
    run_and_fail("reset", alice.get_username())
    assert TOTPDevice.objects.exists()


def test_nobody_is_reset_by_another_name(alice, bob, stock):
    assert run_and_fail("reset", "mallory", "--yes")[1] == 'There is nobody called "mallory".'
    run("reset", bob.get_username(), "--yes")
    assert mfa.has_second_factor(alice)


@proves("A3")
def test_a3_a_name_sends_nothing_to_the_terminal(alice, stock):
    TOTPDevice.objects.update(name="\x1b[2J")
    assert "\x1b" not in run("reset", alice.get_username(), "--yes")


# status


def test_status_counts_devices_by_kind_and_by_key(alice, bob, stock, set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=["a key that somebody threw away, alas!"])
    gone = EncryptedTOTP.make(user_id=alice.pk, confirmed=True).key_id
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    old = EncryptedTOTP.make(user_id=alice.pk).key_id
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    EncryptedTOTP.make(user_id=alice.pk)
    new = EncryptedTOTP.make(user_id=bob.pk).key_id
    said = run("status").splitlines()
    assert "jwt_sessions.encryptedtotp: 1 confirmed, 3 not" in said
    assert "otp_totp.totpdevice: 1 confirmed, 0 not" in said
    assert said[-3:] == [
        f"key {new} (newest): 2 secrets",
        f"key {old} (older): 1 secret",
        f"key {gone} (gone): 1 secret",
    ]


@proves("A6")
@pytest.mark.parametrize("action", ["status", "reencrypt", "adopt"])
def test_a6_no_secret_is_shown(alice, stock, set_jwt, action):
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    said = run(action)
    for secret in (stock.key, b32encode(stock.bin_key).decode(), NEW, hexlify(NEW.encode())):
        assert str(secret) not in said
