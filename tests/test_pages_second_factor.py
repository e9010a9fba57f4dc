"""The pages about the second factor: adding an authenticator app, naming, removing."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.utils.html import escape

from jwt_sessions.models import EncryptedTOTP, RecoveryCode, SecurityEvent, SecurityEventKind
from tests.factors import give_address, give_recovery_codes, give_totp
from tests.people import Device, make_user
from tests.visitors import Visitor, address_of

proves = pytest.mark.proves


@pytest.fixture
def signed_in(visitor):
    """Alice, who has just signed in, and has no second factor."""
    return visitor.sign_in()


def confirmed(user):
    return EncryptedTOTP.objects.filter(user=user, confirmed=True).count()


class TestAddingAnApp:
    def test_to_look_makes_nothing(self, signed_in):
        signed_in.open("totp")
        assert "svg" not in signed_in.text.partition("<main")[2]
        assert not EncryptedTOTP.objects.exists()

    def test_the_picture_is_in_the_page_and_tells_its_secret_to_eyes_only(self, signed_in):
        app = signed_in.begin_app()
        picture = re.search(r"<figure[^>]*>.*?</figure>", signed_in.text, re.DOTALL)[0]
        label = re.search(r'aria-label="([^"]*)"', picture)[1]
        assert "<svg" in picture
        assert label == "QR code to scan with your authenticator app"
        assert app.app.secret not in picture
        assert app.app.secret in signed_in.text.replace(" ", "")

    def test_the_secret_stays_when_the_page_is_opened_again(self, signed_in):
        first = signed_in.begin_app()
        signed_in.open("totp")
        assert first.app.secret in signed_in.text.replace(" ", "")

    @proves("M9")
    def test_m9_it_counts_from_its_first_code_on(self, signed_in, other_browser):
        app = signed_in.begin_app()
        other_browser.sign_in()
        assert other_browser.is_in
        signed_in.submit(code=app.wrong_code())
        assert "This code is not valid." in signed_in.text
        assert confirmed(signed_in.user) == 0
        signed_in.submit(code=app.code())
        assert confirmed(signed_in.user) == 1

    @proves("M4")
    def test_m4_guesses_at_the_first_code_are_counted(self, signed_in, set_jwt):
        set_jwt(MFA_MAX_FAILURES=2)
        app = signed_in.begin_app()
        for code in (app.wrong_code(), app.wrong_code(), app.code()):
            signed_in.submit(code=code)
        assert confirmed(signed_in.user) == 0

    def test_codes_run_out_of_tries(self, signed_in, set_jwt):
        set_jwt(THROTTLE_RATES={"second_factor": "1/min"})
        app = signed_in.begin_app()
        signed_in.submit(code=app.wrong_code())
        signed_in.submit(code=app.code())
        assert (signed_in.page.status_code, signed_in.page["Retry-After"]) == (429, "60")
        assert "code" in signed_in.elements.inputs()

    def test_recovery_codes_are_shown_this_once(self, signed_in):
        signed_in.enroll()
        codes = signed_in.codes
        assert len(codes) == 10
        assert "Two-factor sign-in is on." in signed_in.text
        for name in ("second_factor", "recovery_codes", "totp", "overview"):
            signed_in.open(name)
            assert not signed_in.codes
        stranger = Visitor(signed_in.user)
        stranger.give_password()
        stranger.submit(code=codes[0])
        assert stranger.is_in

    def test_a_code_may_be_typed_as_the_app_parts_it(self, signed_in):
        app = signed_in.begin_app()
        code = app.code()
        signed_in.submit(code=f" {code[:3]} {code[3:]} ")
        assert confirmed(signed_in.user) == 1

    def test_what_was_begun_long_ago_is_over(self, signed_in, clock):
        app = signed_in.begin_app()
        clock.shift(3601)
        signed_in.confirm()
        signed_in.send("totp", code=app.code())
        assert confirmed(signed_in.user) == 0

    def test_a_name_that_is_hostile_is_shown_as_text(self, signed_in):
        signed_in.send("totp", name="<b>\u202e'\"&\x00" + "x" * 300)
        signed_in.open("totp")
        EncryptedTOTP.objects.update(confirmed=True)
        signed_in.open("second_factor")
        name = EncryptedTOTP.objects.get().name
        assert "<b>" in name
        assert f"<bdi>{escape(name)}</bdi>" in signed_in.text
        assert "<b>" not in signed_in.text

    def test_ten_are_enough(self, visitor, alice):
        app = give_totp(alice)
        for number in range(9):
            EncryptedTOTP.make(user_id=alice.pk, name=str(number), confirmed=True)
        visitor.sign_in(code=app.code())
        visitor.open("second_factor")
        assert "You have as many as anybody may." in visitor.text
        visitor.send("totp")
        visitor.follow()
        assert "You have too many devices." in visitor.text

    def test_a_project_may_offer_none(self, signed_in, set_jwt):
        set_jwt(MFA_METHODS=["email"])
        assert signed_in.open("totp").status_code == 404
        signed_in.open("second_factor")
        assert "An authenticator app" not in signed_in.text


class TestProofs:
    @proves("M9", "P9")
    def test_m9_who_has_a_factor_adds_no_other_without_it(self, signed_in, alice):
        """django-multifactor #107: signed in by password, while a factor was added elsewhere."""
        begun = signed_in.begin_app()
        app = give_totp(alice)
        for answer in (
            signed_in.open("totp"),
            signed_in.send("totp"),
            signed_in.send("totp", code=begun.code()),
        ):
            assert answer["Location"].startswith(address_of("confirm"))
        assert confirmed(alice) == 1
        signed_in.follow()
        signed_in.submit(code=app.code())
        assert signed_in.leads_to == address_of("totp")

    @proves("M9", "V3")
    def test_v3_it_needs_a_recent_login(self, signed_in, alice, clock):
        clock.shift(15 * 60 + 1)
        assert signed_in.send("totp")["Location"].startswith(address_of("confirm"))
        assert not EncryptedTOTP.objects.exists()

    @proves("V5")
    def test_v5_this_browser_has_proven_itself_by_it(self, with_pages, db):
        boss = Visitor(make_user("boss", is_staff=True, is_superuser=True)).sign_in()
        key = boss.key
        boss.enroll()
        assert boss.key != key
        assert boss.session.amr == ["pwd", "otp", "mfa"]
        assert boss.http.get("/admin/").status_code == 200

    @proves("V3")
    def test_v3_the_other_devices_can_be_ended(self, signed_in, phone, alice):
        signed_in.enroll()
        signed_in.send("recovery_codes_saved", codes=" ".join(signed_in.codes), saved="on")
        signed_in.follow()
        assert address_of("devices_end_others") in signed_in.text
        assert phone.call_protected().status_code == 200
        signed_in.open("devices_end_others")
        signed_in.submit()
        assert phone.call_protected().status_code == 401

    def test_it_is_on_record_and_told_by_mail(self, signed_in, committed):
        app = signed_in.begin_app()
        with committed():
            signed_in.submit(code=app.code())
        event = SecurityEvent.objects.get(kind=SecurityEventKind.FACTOR_ADDED)
        assert str(event.session_id) == signed_in.sid
        assert [sent.to for sent in mail.outbox] == [["alice@example.com"]]


class TestOwned:
    @pytest.fixture
    def app(self, alice):
        return give_totp(alice)

    @pytest.fixture
    def proven(self, visitor, app):
        """Alice, who has signed in by both factors."""
        return visitor.sign_in(code=app.code())

    def test_one_gets_another_name(self, proven, app):
        proven.send("factor_rename", app.id, name="My <phone>")
        proven.follow()
        assert "It is called “My &lt;phone&gt;” now." in proven.text
        assert "<bdi>My &lt;phone&gt;</bdi>" in proven.text

    @pytest.mark.parametrize("name", ["x" * 300, "\x00"], ids=["long", "nul"])
    def test_what_can_be_no_name_is_refused(self, proven, app, name):
        proven.send("factor_rename", app.id, name=name)
        proven.follow()
        assert "message error" in proven.text

    @proves("V3")
    def test_the_last_one_goes_and_the_recovery_codes_with_it(self, proven, app, alice, committed):
        give_recovery_codes(alice)
        proven.open("factor_remove", app.id)
        assert "Turn two-factor sign-in off" in proven.text
        with committed():
            proven.submit()
        proven.follow()
        assert "It is removed." in proven.text
        assert address_of("devices_end_others") in proven.text
        assert (confirmed(alice), RecoveryCode.objects.count()) == (0, 0)
        assert [sent.to for sent in mail.outbox] == [["alice@example.com"]]

    @proves("M9", "P9")
    def test_p9_it_needs_a_recent_login_by_both(self, visitor, alice, clock):
        visitor.sign_in()
        app = give_totp(alice)
        for answer in (
            visitor.open("factor_remove", app.id),
            visitor.send("factor_remove", app.id),
        ):
            assert answer["Location"].startswith(address_of("confirm"))
        visitor.follow()
        visitor.submit(code=app.code())
        clock.shift(15 * 60 + 1)
        visitor.send("factor_remove", app.id)
        assert confirmed(alice) == 1

    def test_the_last_one_stays_where_one_is_required(self, proven, app, alice, set_jwt):
        set_jwt(MFA_REQUIRED=lambda user: True)
        proven.open("factor_remove", app.id)
        assert "this is your only one" in proven.text
        assert "danger" not in proven.text
        proven.send("factor_remove", app.id)
        proven.follow()
        assert "Add another one before." in proven.text
        assert confirmed(alice) == 1

    @proves("A2")
    def test_a2_anothers_and_none_at_all_are_the_same(self, proven, bob, alice):
        bobs = give_totp(bob)
        give_address(alice)
        for device_id in (bobs.id, "x", "jwt_sessions.encryptedtotp-0", "\x00", "x" * 500):
            for send in (proven.open, proven.send):
                assert send("factor_remove", device_id).status_code == 404
            assert proven.send("factor_rename", device_id, name="x").status_code == 404
        assert confirmed(bob) == 1

    def test_recovery_codes_are_no_factor_to_be_removed(self, proven, alice):
        give_recovery_codes(alice)
        device_id = f"jwt_sessions.recoverycodes-{alice.jwt_recovery_codes.pk}"
        assert proven.open("factor_remove", device_id).status_code == 404
        assert proven.send("factor_remove", device_id).status_code == 404
        assert proven.send("factor_rename", device_id, name="x").status_code == 404
        assert RecoveryCode.objects.count() == 10

    def test_a_session_of_the_api_asks_for_it(self, proven, alice):
        assert Device().sign_in(alice).json()["code"] == "mfa_required"
