"""Who is half way in: a code is due, or a second factor must be set up; and the way out."""

from __future__ import annotations

import pytest

from jwt_sessions import sessions
from jwt_sessions.models import EncryptedTOTP, RevokedReason
from tests.factors import give_totp
from tests.people import make_user
from tests.visitors import Visitor, address_of

proves = pytest.mark.proves

PAGES = [
    "overview",
    "confirm",
    "devices",
    "devices_end_others",
    "second_factor",
    "totp",
    "recovery_codes",
    "password",
]
ENROLLING = {"second_factor", "totp"}


@pytest.fixture
def app(alice):
    """Alice's authenticator app."""
    return give_totp(alice)


@pytest.fixture
def half_way(visitor, app):
    """Alice, signed in by a page of the project's that asks for no code."""
    visitor.http.post("/become/", {"username": visitor.user.get_username()})
    return visitor


class TestCodeDue:
    @proves("P9", "M10")
    @pytest.mark.parametrize("name", PAGES)
    def test_m10_every_page_asks_for_the_code_first(self, half_way, name):
        here = address_of(name)
        for answer in (half_way.open(name), half_way.send(name)):
            assert answer["Location"].partition("?")[0] == address_of("sign_in")
        half_way.open(name)
        half_way.follow()
        assert "code" in half_way.elements.inputs()
        assert "password" not in half_way.elements.inputs()
        if name != "confirm":
            assert half_way.elements.inputs()["next"]["value"] == here

    @proves("M10")
    def test_m10_it_is_nobody_until_then(self, half_way, app):
        assert half_way.who == ""
        half_way.open("devices")
        half_way.follow()
        half_way.submit(code=app.wrong_code())
        assert "This code is not valid." in half_way.text
        assert half_way.who == ""
        half_way.submit(code=app.code())
        assert half_way.leads_to == address_of("devices")
        assert half_way.is_in

    @proves("V5")
    def test_v5_the_key_changes_with_the_code_and_the_session_stays(self, half_way, app, clock):
        before, session = half_way.key, half_way.session
        clock.shift(60)
        half_way.open("sign_in")
        half_way.submit(code=app.code())
        assert half_way.key != before
        assert half_way.session.pk == session.pk
        assert half_way.session.amr == ["pwd", "otp", "mfa"]
        assert half_way.session.auth_time > session.auth_time

    def test_who_has_lost_the_factor_meanwhile_signs_in_by_the_password(self, half_way, app):
        EncryptedTOTP.objects.all().delete()
        half_way.open("sign_in")
        assert 'role="alert"' not in half_way.text
        half_way.give_password()
        assert half_way.is_in

    def test_the_former_key_is_worth_nothing(self, half_way, app):
        thief = Visitor(half_way.user)
        thief.http.cookies["sessionid"] = half_way.key
        half_way.open("sign_in")
        half_way.submit(code=app.code())
        assert (half_way.is_in, thief.who) == (True, "")

    def test_who_is_somebody_else_leaves(self, half_way, bob):
        session = half_way.session
        half_way.open("sign_in")
        half_way.submit(start_over="yes")
        assert "password" in half_way.elements.inputs()
        session.refresh_from_db()
        assert session.revoked_reason == RevokedReason.SIGNED_OUT
        half_way.sign_in(bob)
        assert half_way.who == bob.get_username()

    def test_the_password_alone_does_not_help(self, half_way):
        half_way.send("confirm", password="alice")
        half_way.give_password()
        assert "code" in half_way.elements.inputs()
        assert half_way.who == ""

    def test_signing_out_is_open(self, half_way):
        half_way.open("sign_out")
        assert "You will be signed out on this device." in half_way.text
        half_way.submit()
        half_way.open("sign_in")
        assert "password" in half_way.elements.inputs()

    @pytest.mark.parametrize("page", ["not_me", "sign_out"])
    def test_what_is_open_to_everybody_stays_so(self, half_way, page):
        args = ["x"] if page == "not_me" else []
        assert half_way.open(page, *args).status_code == 200


class TestEnrollmentDue:
    @pytest.fixture(autouse=True)
    def required(self, set_jwt):
        set_jwt(MFA_REQUIRED=lambda user: True)

    @proves("P9", "M10")
    @pytest.mark.parametrize("name", [name for name in PAGES if name != "confirm"])
    def test_every_page_leads_to_setting_one_up(self, visitor, name):
        visitor.sign_in()
        assert visitor.who == ""
        page = visitor.open(name)
        if name in ENROLLING:
            assert page.status_code == 200
        else:
            assert page["Location"].partition("?")[0] == address_of("second_factor")

    @pytest.mark.parametrize("is_staff", [False, True])
    def test_afterwards_all_is_open(self, with_pages, db, is_staff):
        person = make_user("boss", is_staff=is_staff, is_superuser=is_staff)
        visitor = Visitor(person).sign_in()
        assert "second-factor" in visitor.leads_to
        visitor.follow()
        assert "Your account needs a second factor." in visitor.text
        visitor.enroll()
        assert visitor.is_in
        assert visitor.open("devices").status_code == 200
        assert visitor.http.get("/admin/").status_code == (200 if is_staff else 302)

    def test_a_recent_login_is_needed_and_can_be_had(self, visitor, clock):
        visitor.sign_in()
        clock.shift(15 * 60 + 1)
        visitor.open("totp")
        visitor.follow()
        visitor.submit(password="alice")
        assert visitor.leads_to == address_of("totp")
        assert visitor.open("totp").status_code == 200


class TestSigningOut:
    def test_a_link_alone_does_nothing(self, visitor):
        visitor.sign_in()
        assert visitor.open("sign_out").status_code == 200
        assert visitor.is_in

    @proves("T8")
    def test_t8_a_form_ends_the_session_and_leaves_nothing_behind(self, visitor):
        session = visitor.sign_in().session
        visitor.open("sign_out")
        answer = visitor.submit()
        session.refresh_from_db()
        assert session.revoked_reason == RevokedReason.SIGNED_OUT
        assert answer["Clear-Site-Data"] == '"storage"'
        assert answer.cookies["sessionid"]["max-age"] == 0
        visitor.follow()
        assert "<h1>You are signed out</h1>" in visitor.text
        assert visitor.who == ""

    def test_the_project_says_where_it_leads(self, visitor, settings):
        settings.LOGOUT_REDIRECT_URL = "/whoami/"
        visitor.sign_in()
        assert visitor.send("sign_out")["Location"] == "/whoami/"

    def test_who_is_nobody_may_too(self, visitor):
        assert visitor.send("sign_out").status_code == 302

    @proves("P1")
    def test_p1_a_session_ended_elsewhere_is_over_at_the_next_page(self, visitor):
        visitor.sign_in()
        sessions.revoke(visitor.session.pk, reason=RevokedReason.SIGNED_OUT_REMOTELY)
        assert visitor.open("overview")["Location"].startswith(address_of("sign_in"))
