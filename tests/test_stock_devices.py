"""Devices of django-otp and its plugins, as a project has them before it installs us."""

from __future__ import annotations

from base64 import b32encode
from datetime import timedelta

import pyotp
import pytest
from django.core import mail
from django.utils import timezone
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from jwt_sessions import mfa
from jwt_sessions.models import FactorAllowance
from tests.authenticators import enroll, sign_in_by
from tests.factors import app_of
from tests.inboxes import send_mail_by
from tests.people import Device, claims_of
from tests.user_models.models import BadgeDevice, ColourDevice, LenientDevice

proves = pytest.mark.proves

EMAIL_LABEL = "otp_email.emaildevice"


@pytest.fixture
def totp(alice):
    """Alice's authenticator app, enrolled long ago with django-otp."""
    return TOTPDevice.objects.create(user=alice, name="Old phone")


@pytest.fixture
def static(alice):
    """Alice's codes on paper, made with django-otp."""
    device = StaticDevice.objects.create(user=alice, name="backup")
    for code in ("abcdefgh", "ijklmnop", "qrstuvwx", "yz234567"):
        device.token_set.create(token=code)
    return device


@pytest.fixture
def email(alice):
    """Alice's address, known to django-otp."""
    return EmailDevice.objects.create(user=alice, name="mail", email="alice@home.example")


def begin(user):
    """Give the password; return the device and what it was told."""
    device = Device()
    asked = device.sign_in(user)
    assert asked.json()["code"] == "mfa_required", asked.json()
    return device, asked.json()


@proves("M1")
def test_a_stock_authenticator_app_signs_in_once_with_each_code(alice, totp):
    code = app_of(totp).code()
    done = sign_in_by(alice, code)
    assert claims_of(done.json()["access"])["amr"] == ["pwd", "otp", "mfa"]
    assert sign_in_by(alice, code).json()["code"] == "invalid_code"


def test_a_stock_device_is_a_second_factor_from_the_first_day(alice, totp):
    assert begin(alice)[1]["methods"] == ["totp"]


def test_a_session_of_before_steps_up_with_a_stock_app(phone, totp):
    answer = phone.post("token/step-up/", {"code": app_of(totp).code()})
    assert claims_of(answer.json()["access"])["amr"] == ["pwd", "otp", "mfa"]


def test_stock_devices_are_listed_by_what_they_do(phone, totp, static, email):
    state = phone.get("/api/auth/mfa/").json()
    assert state["enabled"]
    assert {device["type"]: device["name"] for device in state["devices"]} == {
        "totp": "Old phone",
        "recovery_code": "backup",
        EMAIL_LABEL: "mail",
    }


def test_a_stock_app_tells_when_it_was_added_and_used(phone, alice, totp, clock):
    added = timezone.now()
    clock.shift(600)
    assert sign_in_by(alice, app_of(totp).code()).status_code == 200
    [device] = mfa.list_devices(alice)
    assert (device.confirmed_at, device.last_used_at) == (added, added + timedelta(seconds=600))


def test_a_stock_app_can_be_renamed(phone, totp):
    [device] = phone.get("/api/auth/mfa/").json()["devices"]
    renamed = phone.patch(f"mfa/devices/{device['id']}/", {"name": "Ancient phone"})
    assert renamed.json()["name"] == "Ancient phone"
    totp.refresh_from_db()
    assert totp.name == "Ancient phone"


@proves("P9")
def test_p9_a_stock_app_is_removed_by_who_has_proven_it(phone, totp):
    [device] = phone.get("/api/auth/mfa/").json()["devices"]
    path = f"mfa/devices/{device['id']}/"
    assert phone.delete(path).json()["code"] == "insufficient_user_authentication"
    phone.access = phone.post("token/step-up/", {"code": app_of(totp).code()}).json()["access"]
    assert phone.delete(path).status_code == 204
    assert not mfa.has_second_factor(totp.user)


@proves("M9")
def test_m9_who_has_a_stock_app_proves_it_before_adding_another(phone, totp):
    assert phone.post("mfa/totp/").json()["code"] == "insufficient_user_authentication"
    phone.access = phone.post("token/step-up/", {"code": app_of(totp).code()}).json()["access"]
    assert enroll(phone).recovery_codes


def bent(code):
    """A good code as nobody should type it, but ``int()`` would take it."""
    yield "full width", "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    yield "arabic", "".join(chr(ord(digit) - ord("0") + 0x660) for digit in code)
    yield "underscore", f"{code[:2]}_{code[2:]}"
    yield "space before", f" {code}"
    yield "space after", f"{code} "
    yield "plus", f"+{code}"
    yield "zero before", f"0{code}"
    yield "newline", f"{code}\n"


BENT = [name for name, _ in bent("123456")]


@proves("M6")
@pytest.mark.parametrize("name", BENT)
@pytest.mark.parametrize("method", [{}, {"method": "totp"}], ids=["any", "totp"])
def test_m6_a_code_is_ascii_digits_of_exact_length(alice, totp, name, method):
    code = dict(bent(app_of(totp).code()))[name]
    assert sign_in_by(alice, code, **method).json()["code"] == "invalid_code"
    totp.refresh_from_db()
    assert totp.throttling_failure_count == 0  # django-otp has not seen it


@proves("M6")
@pytest.mark.parametrize("code", ["+12345", "1e5", "-1", "0x1F2", "12345", "1234567", "12.456"])
def test_m6_what_is_a_number_is_no_code_yet(alice, totp, code):
    assert sign_in_by(alice, code).json()["code"] == "invalid_code"


@proves("M6")
def test_m6_an_app_of_eight_digits_takes_eight(alice):
    totp = TOTPDevice.objects.create(user=alice, digits=8)
    code = app_of(totp).code()
    assert sign_in_by(alice, code[2:]).status_code == 401
    assert sign_in_by(alice, code).status_code == 200


@proves("M6")
@pytest.mark.parametrize("name", [name for name in BENT if name != "zero before"])
def test_m6_no_plugin_is_shown_a_number_that_is_no_code(alice, name):
    LenientDevice.objects.create(user=alice)
    assert sign_in_by(alice, dict(bent("123456"))[name]).status_code == 401
    assert sign_in_by(alice, "123456").status_code == 200


@proves("M5")
def test_m5_a_stock_code_on_paper_works_once(alice, static):
    done = sign_in_by(alice, "abcdefgh")
    assert done.json()["recovery_codes_remaining"] == 3
    assert sign_in_by(alice, "abcdefgh").json()["code"] == "invalid_code"


def test_stock_codes_on_paper_are_counted(phone, static):
    assert phone.get("/api/auth/mfa/").json()["recovery_codes_remaining"] == 4


def test_stock_codes_of_an_unconfirmed_device_are_not_counted(phone, static):
    StaticDevice.objects.update(confirmed=False)
    assert phone.get("/api/auth/mfa/").json()["recovery_codes_remaining"] == 0


def test_stock_codes_end_when_new_ones_are_made(alice, phone, totp, static):
    phone.access = phone.post("token/step-up/", {"code": app_of(totp).code()}).json()["access"]
    new = phone.post("mfa/recovery-codes/").json()["recovery_codes"]
    assert sign_in_by(alice, "abcdefgh").status_code == 401
    assert sign_in_by(alice, new[0]).json()["recovery_codes_remaining"] == 9


def test_an_event_based_app_signs_in_and_moves_on(alice):
    device = HOTPDevice.objects.create(user=alice)
    app = pyotp.HOTP(b32encode(device.bin_key))
    assert begin(alice)[1]["methods"] == ["otp_hotp.hotpdevice"]
    assert sign_in_by(alice, app.at(2)).status_code == 200
    assert sign_in_by(alice, app.at(2)).status_code == 401
    assert sign_in_by(alice, app.at(3), method="otp_hotp.hotpdevice").status_code == 200


def test_a_stock_address_is_sent_a_code_that_signs_in(alice, email):
    device, asked = begin(alice)
    body = {"mfa_token": asked["mfa_token"], "method": EMAIL_LABEL}
    assert device.post("token/mfa/send/", body).status_code == 204
    [message] = mail.outbox
    assert message.to == ["alice@home.example"]
    email.refresh_from_db()
    answer = device.post("token/mfa/", {"mfa_token": asked["mfa_token"], "code": email.token})
    assert answer.status_code == 200


@proves("M4")
def test_m4_who_errs_with_the_app_loses_no_try_with_the_address(alice, totp, email):
    sign_in_by(alice, app_of(totp).wrong_code())
    assert [*FactorAllowance.objects.values_list("factor", flat=True)] == ["totp"]
    sign_in_by(alice, "123456", method=EMAIL_LABEL)
    assert FactorAllowance.objects.filter(factor=EMAIL_LABEL, failures=1).exists()


def send(device, asked):
    return device.post("token/mfa/send/", {"mfa_token": asked["mfa_token"], "method": EMAIL_LABEL})


def test_a_stock_address_is_not_flooded(alice, email):
    device, asked = begin(alice)
    assert send(device, asked).status_code == 204
    again = send(device, asked)
    assert (again.status_code, again["Retry-After"]) == (429, "60")
    assert len(mail.outbox) == 1


@proves("M4")
def test_m4_a_stock_address_has_a_limit_of_a_day(alice, email, clock, set_jwt):
    set_jwt(MFA_MESSAGES_PER_DAY=1)
    device, asked = begin(alice)
    send(device, asked)
    clock.shift(61)
    assert send(device, asked).status_code == 429


def test_a_stock_device_says_itself_when_it_sends_again(alice, email, settings, clock):
    settings.OTP_EMAIL_COOLDOWN_DURATION = 300
    device, asked = begin(alice)
    assert send(device, asked).status_code == 204
    clock.shift(100)
    again = send(device, asked)
    assert (again.status_code, again["Retry-After"]) == (429, "200")


@proves("P7")
def test_p7_a_stock_device_that_cannot_send_is_503(alice, email, settings, clock):
    send_mail_by(settings, "tests.nowhere.EmailBackend")
    device, asked = begin(alice)
    assert send(device, asked).json()["code"] == "unavailable"
    send_mail_by(settings, "django.core.mail.backends.locmem.EmailBackend")
    clock.shift(61)  # of which it has made a note before it sends
    assert send(device, asked).status_code == 204


def test_an_app_sends_nothing(alice, totp):
    device, asked = begin(alice)
    body = {"mfa_token": asked["mfa_token"], "method": "totp"}
    assert device.post("token/mfa/send/", body).status_code == 404


@pytest.mark.parametrize("model", [TOTPDevice, StaticDevice, HOTPDevice, EmailDevice, ColourDevice])
def test_an_unconfirmed_stock_device_does_not_count(alice, model):
    model.objects.create(user=alice, confirmed=False)
    assert Device().sign_in(alice).status_code == 200


def test_anothers_stock_device_opens_nothing(alice, bob, totp):
    TOTPDevice.objects.create(user=bob, key=TOTPDevice().key)
    assert sign_in_by(bob, app_of(totp).code()).json()["code"] == "invalid_code"


@proves("A2")
@pytest.mark.parametrize("act", ["patch", "delete"])
def test_a2_anothers_stock_device_is_unknown(alice, bob, act):
    other = TOTPDevice.objects.create(user=alice, name="hers")
    device = Device()
    device.sign_in(bob)
    path = f"mfa/devices/otp_totp.totpdevice-{other.pk}/"
    answer = device.patch(path, {"name": "mine"}) if act == "patch" else device.delete(path)
    assert answer.status_code == 404
    other.refresh_from_db()
    assert other.name == "hers"


@proves("P10")
def test_p10_the_delay_of_django_otp_is_cut_to_seconds(alice, totp, clock):
    TOTPDevice.objects.update(
        throttling_failure_count=20, throttling_failure_timestamp=timezone.now()
    )
    assert sign_in_by(alice, app_of(totp).code()).status_code == 401
    clock.shift(30)
    assert sign_in_by(alice, app_of(totp).code()).status_code == 200


@proves("M4")
def test_m4_wrong_codes_lock_a_stock_app_as_they_lock_ours(alice, totp, set_jwt, clock):
    set_jwt(MFA_MAX_FAILURES=3, THROTTLE_RATES=None)
    for _ in range(3):
        sign_in_by(alice, app_of(totp).wrong_code())
    assert sign_in_by(alice, app_of(totp).code()).status_code == 401
    clock.shift(15 * 60)
    assert sign_in_by(alice, app_of(totp).code()).status_code == 200


@proves("P10")
def test_p10_wrong_codes_at_sign_in_leave_no_delay_elsewhere(alice, totp):
    sign_in_by(alice, app_of(totp).wrong_code())
    totp.refresh_from_db()
    assert totp.verify_is_allowed() == (True, None)
    assert FactorAllowance.objects.get(user_id=alice.pk, factor="totp").failures == 1


@pytest.mark.parametrize("model", [ColourDevice, BadgeDevice])
def test_a_device_of_a_plugin_nobody_knows_counts(alice, model):
    model.objects.create(user=alice, name="favourite", colour="violet")
    label = model.model_label()
    assert begin(alice)[1]["methods"] == [label]
    assert sign_in_by(alice, "green").json()["code"] == "invalid_code"
    assert sign_in_by(alice, "violet", method=label).status_code == 200


@pytest.mark.parametrize("model", [ColourDevice, BadgeDevice])
def test_a_device_of_a_plugin_nobody_knows_is_listed_and_removed(alice, phone, model):
    model.objects.create(user=alice, name="favourite", colour="violet")
    [device] = phone.get("/api/auth/mfa/").json()["devices"]
    assert (device["type"], device["name"]) == (model.model_label(), "favourite")
    assert (device["confirmed_at"], device["last_used_at"]) == (None, None)
    phone.access = phone.post("token/step-up/", {"code": "violet"}).json()["access"]
    assert phone.delete(f"mfa/devices/{device['id']}/").status_code == 204
    assert not model.objects.exists()


@proves("P12")
def test_p12_devices_of_seven_kinds_are_one_query(
    alice, totp, static, email, django_assert_num_queries
):
    HOTPDevice.objects.create(user=alice)
    ColourDevice.objects.create(user=alice)
    BadgeDevice.objects.create(user=alice)
    with django_assert_num_queries(1):
        assert len(mfa.list_devices(alice)) == 6


@pytest.mark.races
@proves("P10", "M1", "M7")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["totp", "hotp", "static", "email"])
def test_p10_of_many_at_once_with_one_stock_code_one_gets_in(
    alice, threads, throttles_off, set_jwt, kind
):
    set_jwt(MFA_MAX_FAILURES=100)
    code = make_device(alice, kind)
    statuses = threads(8).at_once(*[lambda: sign_in_by(alice, code).status_code] * 8)
    assert sorted(statuses) == [200, *[401] * 7]


def make_device(user, kind):
    """Give a person a device of this kind; return a code of it."""
    if kind == "totp":
        return app_of(TOTPDevice.objects.create(user=user)).code()
    if kind == "hotp":
        return pyotp.HOTP(b32encode(HOTPDevice.objects.create(user=user).bin_key)).at(0)
    if kind == "email":
        until = timezone.now() + timedelta(minutes=5)
        return EmailDevice.objects.create(user=user, token="246810", valid_until=until).token
    return StaticDevice.objects.create(user=user).token_set.create(token="abcdefgh").token
