"""Turning the second factor on and off, as an API client does."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.mfa import changing, enrollment, pending_logins, recovery_codes
from jwt_sessions.mfa.devices import device_models
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    PendingLogin,
    RecoveryCode,
    RecoveryCodes,
)
from tests.authenticators import Authenticator, enroll, sign_in_by
from tests.factors import give_recovery_codes, give_stock_static, give_totp
from tests.people import Device, claims_of

proves = pytest.mark.proves


def begin(device, **body):
    return device.post("mfa/totp/", body).json()


def confirm(device, begun, code):
    return device.post(f"mfa/totp/{begun['id']}/confirm/", {"code": code})


def methods(device):
    return [found["type"] for found in device.get("/api/auth/mfa/").json()["devices"]]


class TestEnrollment:
    def test_it_begins_with_a_secret_in_three_ways(self, phone):
        answer = phone.post("mfa/totp/", {"name": "My phone"})
        assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
        body = answer.json()
        assert body.keys() == {"id", "secret", "otpauth_uri", "qr_svg"}
        assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", body["secret"])
        assert f"secret={body['secret'].replace(' ', '')}" in body["otpauth_uri"]
        assert body["qr_svg"].startswith("<svg ")
        assert body["secret"] not in body["qr_svg"]

    def test_the_app_shows_whose_account_it_is_for(self, alice, phone, set_jwt):
        set_jwt(MFA_ISSUER_NAME="Example & Söhne: shop")
        app = Authenticator(begin(phone)["otpauth_uri"]).app
        assert (app.issuer, app.name) == ("Example & Söhne shop", alice.get_username())

    def test_the_issuer_is_the_host_by_default(self, phone):
        assert Authenticator(begin(phone)["otpauth_uri"]).app.issuer == "issuer.example"

    @proves("M9")
    def test_the_secret_is_nothing_before_a_code(self, alice, phone):
        begin(phone)
        assert methods(phone) == []
        assert Device().sign_in(alice).status_code == 200

    @proves("M9", "C10")
    def test_one_code_confirms_it_and_proves_it_in_this_session(self, phone):
        begun = begin(phone, name="My phone")
        answer = confirm(phone, begun, Authenticator(begun["otpauth_uri"]).code())
        assert answer.status_code == 200
        assert answer.json().keys() == {"recovery_codes", "access", "other_sessions"}
        assert claims_of(answer.json()["access"])["acr"] == "aal2"
        (device,) = phone.get("/api/auth/mfa/").json()["devices"]
        assert (device["id"], device["type"], device["name"]) == (begun["id"], "totp", "My phone")
        assert device["confirmed_at"] == device["last_used_at"] == "2026-11-23T12:00:00Z"

    @proves("V3")
    def test_it_says_how_many_other_sessions_there_are_to_end(self, phone, laptop):
        begun = begin(phone)
        answer = confirm(phone, begun, Authenticator(begun["otpauth_uri"]).code())
        assert answer.json()["other_sessions"] == 1

    def test_a_wrong_code_does_not(self, phone):
        begun = begin(phone)
        answer = confirm(phone, begun, Authenticator(begun["otpauth_uri"]).wrong_code())
        assert answer.json()["code"] == "invalid_code"
        assert methods(phone) == []

    def test_to_begin_again_leaves_nothing_behind(self, phone):
        first, second = begin(phone), begin(phone)
        assert EncryptedTOTP.objects.count() == 1
        assert confirm(phone, first, Authenticator(first["otpauth_uri"]).code()).status_code == 404
        assert (
            confirm(phone, second, Authenticator(second["otpauth_uri"]).code()).status_code == 200
        )

    def test_a_secret_waits_for_an_hour(self, phone, clock, set_jwt):
        begun = begin(phone)
        clock.shift(3_600)
        phone.refresh()
        assert confirm(phone, begun, Authenticator(begun["otpauth_uri"]).code()).status_code == 404

    def test_what_counts_already_is_not_there_to_be_confirmed(self, phone):
        app = enroll(phone)
        assert confirm(phone, {"id": app.id}, app.wrong_code()).status_code == 404

    def test_several_devices_have_names(self, phone, clock):
        enroll(phone, name="Phone")
        enroll(phone, name="Tablet")
        devices = phone.get("/api/auth/mfa/").json()["devices"]
        assert [device["name"] for device in devices] == ["Phone", "Tablet"]

    def test_any_of_them_signs_in(self, alice, phone, clock):
        enroll(phone)
        second = enroll(phone)
        clock.shift(30)
        assert sign_in_by(alice, second.code()).status_code == 200

    def test_the_second_one_brings_no_new_recovery_codes(self, phone):
        assert len(enroll(phone).recovery_codes) == 10
        assert enroll(phone).recovery_codes == []

    def test_codes_that_were_shown_meanwhile_are_not_replaced(self, alice, phone, monkeypatch):
        make = recovery_codes.NewCodes.make

        def give_some_and_make():
            give_recovery_codes(alice)
            return make()

        monkeypatch.setattr(recovery_codes.NewCodes, "make", give_some_and_make)
        assert enroll(phone).recovery_codes == []

    def test_recovery_codes_that_outlived_their_factor_do_not_stand_in_its_way(self, alice, phone):
        give_recovery_codes(alice)
        assert enroll(phone).recovery_codes == []

    def test_ten_are_enough(self, phone, alice):
        for number in range(10):
            EncryptedTOTP.make(user_id=alice.pk, name=str(number), confirmed=True)
        phone.access = sessions.prove_again(phone.session, amr=["pwd", "otp", "mfa"])
        answer = phone.post("mfa/totp/", {})
        assert (answer.status_code, answer.json()["code"]) == (409, "device_limit_reached")
        assert EncryptedTOTP.objects.count() == 10

    def test_a_method_that_the_site_does_not_offer_is_refused(self, phone, set_jwt):
        set_jwt(MFA_METHODS=["email"])
        assert phone.post("mfa/totp/", {}).status_code == 400

    @proves("A2")
    def test_another_persons_secret_is_as_unknown_as_none(self, phone, bob):
        begun = begin(phone)
        device = Device()
        device.sign_in(bob)
        assert confirm(device, begun, Authenticator(begun["otpauth_uri"]).code()).status_code == 404


class TestWhoMay:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("post", "mfa/totp/"),
            ("post", "mfa/messages/"),
            ("post", "mfa/recovery-codes/"),
            ("delete", "mfa/devices/jwt_sessions.encryptedtotp-1/"),
        ],
        ids=["totp", "messages", "recovery codes", "device"],
    )
    @proves("M9", "C11", "P9")
    def test_whoever_changes_something_has_signed_in_lately(self, phone, clock, method, path):
        clock.shift(16 * 60)
        phone.refresh()
        answer = phone._send(method, path, None if method == "delete" else {})
        assert answer.status_code == 401
        assert answer.json()["code"] == "insufficient_user_authentication"
        assert 'max_age="900"' in answer["WWW-Authenticate"]

    @proves("M9", "P9")
    def test_p9_with_a_factor_by_both(self, phone, laptop):
        enroll(phone)
        answer = laptop.post("mfa/totp/", {})
        assert answer.json()["code"] == "insufficient_user_authentication"
        assert answer.json()["acr_values"] == "aal2"

    @proves("M9", "P9")
    def test_p9_what_was_begun_before_there_was_a_factor_is_not_confirmed_without_it(
        self, phone, laptop, monkeypatch
    ):
        enroll(phone)
        # As if it had been begun just before.
        begun = enrollment.begin_totp(laptop.session.user)
        answer = laptop.post(
            f"mfa/totp/{begun.device_id}/confirm/",
            {"code": Authenticator(begun.otpauth_uri).code()},
        )
        assert answer.json()["code"] == "insufficient_user_authentication"
        assert methods(phone) == ["totp"]

    @proves("M9")
    def test_a_step_up_opens_it(self, phone, clock):
        app = enroll(phone)
        clock.shift(20 * 60)
        phone.refresh()
        assert phone.post("mfa/totp/", {}).status_code == 401
        phone.access = phone.post("token/step-up/", {"code": app.code()}).json()["access"]
        assert phone.post("mfa/totp/", {}).status_code == 201

    def test_strangers_may_nothing(self):
        assert Device().get("/api/auth/mfa/").status_code == 401
        assert Device().post("mfa/totp/", {}).status_code == 401


class TestDevices:
    def test_one_can_be_renamed(self, phone, clock):
        app = enroll(phone, name="Old")
        clock.shift(3_600)
        phone.refresh()
        answer = phone.patch(f"mfa/devices/{app.id}/", {"name": "New\u202e name\n"})
        assert (answer.status_code, answer.json()["name"]) == (200, "New name")

    @proves("V3")
    def test_one_can_be_removed(self, alice, phone):
        app = enroll(phone)
        assert phone.delete(f"mfa/devices/{app.id}/").status_code == 204
        assert methods(phone) == []
        assert Device().sign_in(alice).status_code == 200

    def test_the_recovery_codes_go_with_the_last_one(self, phone):
        first, second = enroll(phone), enroll(phone)
        phone.delete(f"mfa/devices/{first.id}/")
        assert RecoveryCode.objects.count() == 10
        phone.delete(f"mfa/devices/{second.id}/")
        assert RecoveryCode.objects.count() == RecoveryCodes.objects.count() == 0

    @pytest.mark.parametrize("method", ["patch", "delete"])
    @proves("A2", "P7")
    def test_p7_another_persons_is_as_unknown_as_none(self, phone, bob, method):
        app = enroll(phone)
        device = Device()
        device.sign_in(bob)
        for device_id in (app.id, "nothing", "jwt_sessions.encryptedtotp-999", "a.b-c", "\x00"):
            body = {"name": "Mine"} if method == "patch" else None
            assert device._send(method, f"mfa/devices/{device_id}/", body).status_code == 404
        assert methods(phone) == ["totp"]

    def test_an_unconfirmed_one_is_none(self, phone):
        begun = begin(phone)
        assert phone.delete(f"mfa/devices/{begun['id']}/").status_code == 404


class TestRecoveryCodes:
    def test_new_ones_replace_the_old_ones(self, alice, phone):
        old = enroll(phone).recovery_codes
        new = phone.post("mfa/recovery-codes/").json()["recovery_codes"]
        assert len(new) == len({*old, *new}) - 10 == 10
        assert sign_in_by(alice, old[0]).status_code == 401
        assert sign_in_by(alice, new[0]).status_code == 200

    def test_without_a_factor_there_is_nothing_to_recover(self, phone):
        answer = phone.post("mfa/recovery-codes/")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_second_factor")
        assert RecoveryCodes.objects.count() == 0

    def test_how_many_are_left_is_told(self, alice, phone):
        codes = enroll(phone).recovery_codes
        sign_in_by(alice, codes[0])
        state = phone.get("/api/auth/mfa/").json()
        assert (state["enabled"], state["recovery_codes_remaining"]) == (True, 9)


def test_who_has_nothing_is_told_so(phone):
    assert phone.get("/api/auth/mfa/").json() == {
        "enabled": False,
        "required": False,
        "devices": [],
        "recovery_codes_remaining": 0,
    }


def belongings_of(user):
    """Count what somebody has of a second factor, wrong codes included."""
    devices = [model.objects.filter(user=user).count() for model in device_models().values()]
    allowances = FactorAllowance.objects.filter(user=user).values_list("factor", "failures")
    pending = PendingLogin.objects.filter(user=user).count()
    return devices, list(allowances), pending, recovery_codes.remaining(user)


@proves("A2")
def test_a2_whatever_alice_changes_bob_keeps_what_he_has(alice, phone, bob, clock):
    give_recovery_codes(bob)
    give_stock_static(bob)
    give_totp(bob, confirmed=False)
    FactorAllowance.objects.take(bob.pk, "totp", now=timezone.now())
    pending_logins.begin(bob)
    before = belongings_of(bob)
    app = enroll(phone)
    phone.post("mfa/recovery-codes/")
    clock.shift(30)
    phone.post("token/step-up/", {"code": app.code()})
    phone.delete(f"mfa/devices/{app.id}/")
    changing.reset(alice)
    assert belongings_of(bob) == before


@proves("M4")
def test_m4_a_reset_forgets_wrong_codes(alice):
    FactorAllowance.objects.take(alice.pk, "totp", now=timezone.now())
    changing.reset(alice)
    assert FactorAllowance.objects.get().failures == 0


@proves("P10")
def test_p10_wrong_first_codes_of_a_network_are_limited(phone, set_jwt):
    set_jwt(THROTTLE_RATES={"second_factor": "2/min"})
    begun = begin(phone)
    wrong = Authenticator(begun["otpauth_uri"]).wrong_code()
    assert [confirm(phone, begun, wrong).status_code for _ in range(3)] == [401, 401, 429]
