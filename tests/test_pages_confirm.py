"""The page to prove again who it is, before anything that weakens the account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jwt_sessions import accounts, sessions
from jwt_sessions.models import EncryptedTOTP, RevokedReason
from tests.factors import give_recovery_codes, give_totp
from tests.people import Device
from tests.visitors import Visitor, address_of

proves = pytest.mark.proves

QUARTER = timedelta(minutes=15)
GUARDED = "devices_end_others"  # a page that asks for a recent login


@pytest.fixture
def app(alice):
    """Alice's authenticator app."""
    return give_totp(alice)


@pytest.fixture
def signed_in(visitor, clock):
    """Alice, who signed in by her password a while ago."""
    visitor.sign_in()
    clock.shift(QUARTER + timedelta(seconds=1))
    return visitor


def is_open(visitor):
    return visitor.open(GUARDED).status_code == 200


class TestPassword:
    @proves("V5")
    def test_v5_it_is_enough_for_who_has_no_second_factor(self, signed_in, clock):
        before, key = signed_in.session, signed_in.key
        assert not is_open(signed_in)
        signed_in.confirm()
        assert is_open(signed_in)
        assert signed_in.key != key
        assert (signed_in.session.pk, signed_in.session.amr) == (before.pk, ["pwd"])
        assert signed_in.session.auth_time - before.auth_time == QUARTER + timedelta(seconds=1)

    def test_it_lasts_for_a_quarter_of_an_hour_and_no_longer(self, signed_in, clock):
        signed_in.confirm()
        clock.shift(QUARTER)
        assert is_open(signed_in)
        clock.shift(1)
        assert not is_open(signed_in)

    def test_a_wrong_one_opens_nothing(self, signed_in):
        signed_in.open("confirm")
        signed_in.submit(password="wrong")
        assert "This password is not right." in signed_in.text
        assert "<title>Error:" in signed_in.text
        assert not is_open(signed_in)

    def test_that_of_somebody_else_opens_nothing(self, signed_in, bob):
        signed_in.open("confirm")
        signed_in.submit(password="bob", username=bob.get_username())
        assert not is_open(signed_in)
        assert signed_in.is_in

    @proves("P10")
    def test_p10_tries_run_out(self, signed_in, set_jwt):
        set_jwt(THROTTLE_RATES={"sign_in": "1/min"})
        signed_in.open("confirm")
        signed_in.submit(password="wrong")
        signed_in.submit(password="alice")
        assert signed_in.page.status_code == 429
        assert 0 < int(signed_in.page["Retry-After"]) <= 60
        assert not is_open(signed_in)

    @pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": "\x00"}])
    def test_what_is_no_password_is_asked_for_again(self, signed_in, body):
        assert signed_in.send("confirm", **body).status_code == 200
        assert not is_open(signed_in)

    @proves("P13")
    def test_p13_a_hash_that_is_upgraded_ends_no_session(self, with_pages, alice, settings):
        settings.PASSWORD_HASHERS = ["tests.test_accounts.WeakerHasher"]
        alice.set_password("alice")
        alice.save()
        visitor, phone = Visitor(alice).sign_in(), Device()
        phone.sign_in(alice)
        settings.PASSWORD_HASHERS = ["tests.test_accounts.StrongerHasher"]
        visitor.confirm()
        alice.refresh_from_db()
        assert alice.password.startswith("pbkdf2_sha256$2000$")
        assert visitor.is_in
        assert phone.call_protected().status_code == 200

    def test_a_session_that_ended_meanwhile_proves_nothing(self, signed_in, monkeypatch):
        prove = accounts.prove_password

        def prove_and_end(*arguments):
            sessions.revoke(signed_in.session.pk, reason=RevokedReason.SIGNED_OUT_REMOTELY)
            return prove(*arguments)

        monkeypatch.setattr(accounts, "prove_password", prove_and_end)
        signed_in.confirm()
        assert "Please log in again." in signed_in.text
        assert signed_in.who == ""


class TestCode:
    @proves("M9", "P9")
    @pytest.mark.parametrize("fields", [{}, {"username": "alice"}, {"mfa_token": ""}])
    def test_m9_a_password_alone_confirms_nothing_for_who_has_a_factor(
        self, signed_in, app, fields
    ):
        before = signed_in.session
        signed_in.send("confirm", password="alice", **fields)
        assert "code" in signed_in.elements.inputs()
        assert signed_in.session.auth_time == before.auth_time
        assert not is_open(signed_in)

    @proves("M9", "V5")
    def test_m9_a_code_does(self, signed_in, app):
        key = signed_in.key
        signed_in.confirm(app.code())
        assert is_open(signed_in)
        assert signed_in.session.amr == ["pwd", "otp", "mfa"]
        assert signed_in.key != key

    @proves("P9")
    def test_p9_a_fresh_password_is_no_recent_login_for_who_has_a_factor(self, visitor, alice):
        visitor.sign_in()
        app = give_totp(alice)
        assert not is_open(visitor)
        visitor.follow()
        visitor.submit(code=app.code())
        assert visitor.leads_to == address_of(GUARDED)
        assert is_open(visitor)

    def test_a_wrong_code_opens_nothing(self, signed_in, app):
        signed_in.confirm(app.wrong_code())
        assert "This code is not valid." in signed_in.text
        assert "The password was right" not in signed_in.text
        assert not is_open(signed_in)

    @proves("M4")
    def test_m4_a_locked_factor_takes_no_code(self, signed_in, app, set_jwt):
        set_jwt(MFA_MAX_FAILURES=2)
        for code in (app.wrong_code(), app.wrong_code(), app.code()):
            signed_in.confirm(code)
        assert "This code is not valid." in signed_in.text
        assert not is_open(signed_in)

    @proves("M1")
    def test_m1_a_code_works_once(self, signed_in, app, other_browser):
        code = app.code()
        other_browser.sign_in(code=code)
        signed_in.confirm(code)
        assert not is_open(signed_in)

    def test_a_recovery_code_does_too(self, signed_in, app, alice):
        codes = give_recovery_codes(alice)
        signed_in.open("confirm")
        signed_in.submit(use_recovery_code="yes")
        signed_in.submit(code=codes[0])
        assert is_open(signed_in)

    def test_a_login_that_began_as_somebody_else_confirms_nothing(self, signed_in, app, bob):
        bobs, stranger = give_totp(bob), Visitor(bob)
        stranger.give_password()
        fields = stranger.elements.hidden()
        signed_in.send("confirm", **{**fields, "code": bobs.code()})
        assert signed_in.who == bob.get_username()
        assert signed_in.session.user == bob

    def test_a_factor_that_is_gone_was_not_proven_again(self, visitor, app, clock):
        visitor.sign_in(code=app.code())
        EncryptedTOTP.objects.all().delete()
        clock.shift(QUARTER + timedelta(seconds=1))
        visitor.confirm()
        assert is_open(visitor)
        assert visitor.session.amr == ["pwd"]


def test_a_stranger_is_sent_to_sign_in(visitor):
    for answer in (visitor.open("confirm"), visitor.send("confirm", password="alice")):
        assert answer["Location"].startswith(address_of("sign_in"))
