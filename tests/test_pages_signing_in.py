"""The page to sign in at: the password, then a code where there is a second factor."""

from __future__ import annotations

import re

import pytest

from jwt_sessions.models import PendingLogin, Session
from tests.factors import give_recovery_codes, give_totp
from tests.inboxes import add_address
from tests.people import Device
from tests.visitors import Visitor, address_of

proves = pytest.mark.proves

OVERVIEW = "/account/"
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "http:///evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://testserver@evil.example/",
    "\x00//evil.example",
]


@pytest.fixture
def app(alice):
    """Alice's authenticator app."""
    return give_totp(alice)


def plain(visitor):
    """A page without what differs each time, and without the name that was typed."""
    names = "csrfmiddlewaretoken|mfa_token|backend|username"
    return re.sub(rf'name="({names})" value="[^"]*"', "", visitor.text)


class TestWayIn:
    def test_a_password_is_enough_for_who_has_no_second_factor(self, visitor):
        visitor.give_password()
        assert (visitor.page.status_code, visitor.leads_to) == (302, OVERVIEW)
        assert visitor.is_in
        assert (visitor.session.kind, visitor.session.amr) == ("browser", ["pwd"])

    @proves("M10")
    def test_m10_the_password_alone_lets_nobody_in_who_has_one(self, visitor, app):
        visitor.give_password()
        assert visitor.page.status_code == 200
        assert not visitor.is_in
        visitor.submit(code=app.code())
        assert visitor.is_in
        assert visitor.session.amr == ["pwd", "otp", "mfa"]

    def test_a_recovery_code_does_too_and_says_how_many_are_left(self, visitor, app, alice):
        codes = give_recovery_codes(alice)
        visitor.give_password()
        visitor.submit(use_recovery_code="yes")
        visitor.submit(code=codes[0])
        assert visitor.is_in
        visitor.open("overview")
        assert "You have used a recovery code. 9 are left." in visitor.text

    def test_a_code_can_be_sent(self, visitor, phone, mailbox, clock):
        add_address(phone, mailbox)
        clock.shift(60)
        visitor.give_password()
        visitor.submit(send="email")
        assert "A code was sent by" in visitor.text
        visitor.submit(code=mailbox.code())
        assert visitor.is_in

    @proves("M12")
    def test_m12_the_password_is_kept_nowhere(self, visitor, app, alice):
        alice.set_password("correct-horse-battery")
        alice.save()
        visitor.give_password(password="correct-horse-battery")
        kept = [visitor.text, str(dict(visitor.http.session)), str(PendingLogin.objects.values())]
        assert "mfa_token" in visitor.elements.inputs()
        assert "correct-horse-battery" not in " ".join(kept)
        assert "password" not in visitor.elements.inputs()

    def test_who_is_in_is_led_on(self, visitor):
        visitor.sign_in()
        assert visitor.open("sign_in")["Location"] == OVERVIEW
        assert visitor.open("sign_in", next="/whoami/")["Location"] == "/whoami/"

    def test_who_is_in_may_sign_in_as_somebody_else(self, visitor, bob):
        former = visitor.sign_in().session
        visitor.sign_in(bob)
        former.refresh_from_db()
        assert (visitor.who, former.revoked_reason) == (bob.get_username(), "signed_out")

    def test_another_person_can_sign_in_instead_of_a_code(self, visitor, app, bob):
        visitor.give_password()
        visitor.submit(start_over="yes")
        assert "password" in visitor.elements.inputs()
        visitor.sign_in(bob)
        assert visitor.who == bob.get_username()


class TestSaysNoMore:
    @proves("M13")
    @pytest.mark.parametrize("who", ["wrong password", "inactive", "factor", "refused"])
    def test_m13_who_may_not_sign_in_is_answered_like_nobody(
        self, visitor, alice, who, with_pages, set_jwt
    ):
        if who == "factor":
            give_totp(alice)
        if who == "inactive":
            type(alice).objects.update(is_active=False)
        if who == "refused":
            set_jwt(USER_AUTHENTICATION_RULE=lambda user: False)
        stranger = Visitor("nobody@example.com")
        visitor.give_password(password="alice" if who in {"inactive", "refused"} else "wrong")
        stranger.give_password(password="wrong")
        assert plain(visitor) == plain(stranger)
        assert "Please enter a correct" in visitor.text

    @proves("M11")
    def test_m11_a_wrong_code_says_that_the_password_was_right(self, visitor, app):
        visitor.give_password()
        visitor.submit(code=app.wrong_code())
        assert "The password was right, but this code is not valid." in visitor.text
        assert "<title>Error:" in visitor.text
        assert not visitor.is_in

    @proves("M4")
    def test_m4_a_locked_factor_answers_like_a_wrong_code(self, visitor, app, set_jwt, alice):
        set_jwt(MFA_MAX_FAILURES=2)
        answers = []
        for code in (app.wrong_code(), app.wrong_code(), app.code()):
            browser = Visitor(alice)
            browser.give_password()
            browser.submit(code=code)
            answers.append(plain(browser))
        assert answers[0] == answers[1] == answers[2]
        assert Session.objects.count() == 0

    def test_neither_password_nor_code_is_written_into_the_page(self, visitor, app):
        visitor.give_password(password="not-the-password")
        assert "not-the-password" not in visitor.text
        visitor.give_password()
        visitor.submit(code="987654")
        assert "987654" not in visitor.text


class TestWhereTo:
    """T7: `next` leads to this site only."""

    @proves("T7")
    @pytest.mark.parametrize("target", ELSEWHERE)
    def test_t7_nobody_is_led_elsewhere(self, visitor, target):
        visitor.give_password(next=target)
        assert visitor.leads_to == OVERVIEW
        assert visitor.open("sign_in", next=target)["Location"] == OVERVIEW
        assert Visitor().open("sign_in", next=target).status_code == 200

    @proves("T7")
    @pytest.mark.parametrize("target", ELSEWHERE)
    def test_t7_nor_by_a_code(self, visitor, app, target):
        visitor.give_password(next=target)
        assert visitor.elements.inputs()["next"]["value"] == ""
        visitor.submit(code=app.code(), next=target)
        assert visitor.leads_to == OVERVIEW

    @proves("T7")
    @pytest.mark.parametrize("target", ELSEWHERE)
    def test_t7_nor_by_proving_again(self, visitor, target):
        visitor.sign_in()
        visitor.open("confirm", next=target)
        assert "evil.example" not in visitor.text
        visitor.submit(password="alice", next=target)
        assert visitor.leads_to == OVERVIEW

    @proves("T7")
    def test_t7_a_secure_page_leads_to_no_insecure_one(self, visitor):
        body = {"username": visitor.user.get_username(), "password": "alice"}
        for scheme, expected in (("http", OVERVIEW), ("https", "https://testserver/whoami/")):
            target = f"{scheme}://testserver/whoami/"
            answer = visitor.http.post(address_of("sign_in"), {**body, "next": target}, secure=True)
            assert answer["Location"] == expected

    def test_where_one_wanted_to_go_is_kept_through_both_steps(self, visitor, app):
        visitor.open("devices")
        visitor.follow()
        visitor.submit(username=visitor.user.get_username(), password="alice")
        visitor.submit(code=app.code())
        assert visitor.leads_to == address_of("devices")


class TestSafety:
    @proves("V5")
    @pytest.mark.parametrize("step", ["password", "code"])
    def test_v5_the_key_of_the_session_changes(self, visitor, alice, step):
        app = give_totp(alice) if step == "code" else None
        session = visitor.http.session
        session["x"] = 1
        session.save()
        visitor.http.cookies["sessionid"] = session.session_key
        visitor.sign_in(code=app and app.code())
        assert visitor.is_in
        assert visitor.key != session.session_key

    @proves("P10")
    def test_a_network_runs_out_of_tries_and_learns_when_to_come_back(self, visitor, set_jwt):
        set_jwt(THROTTLE_RATES={"sign_in": "2/min", "sign_in_account": None})
        for _ in range(2):
            visitor.give_password(password="wrong")
        visitor.give_password()
        assert (visitor.page.status_code, visitor.page["Retry-After"]) == (429, "60")
        assert "Too many tries. Please try again in 60 seconds." in visitor.text
        assert not visitor.is_in

    def test_an_account_runs_out_of_tries(self, visitor, set_jwt):
        set_jwt(THROTTLE_RATES={"sign_in": None, "sign_in_account": "1/min"})
        visitor.give_password(password="wrong")
        assert visitor.give_password().status_code == 429

    def test_codes_run_out_of_tries(self, visitor, app, set_jwt):
        set_jwt(THROTTLE_RATES={"second_factor": "1/min"})
        visitor.give_password()
        visitor.submit(code=app.wrong_code())
        visitor.submit(code=app.code())
        assert (visitor.page.status_code, visitor.page["Retry-After"]) == (429, "60")
        assert "code" in visitor.elements.inputs()

    @proves("V4")
    def test_v4_too_many_sessions_are_refused_in_plain_words(self, visitor, phone, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=1, SESSION_LIMIT_POLICY="refuse")
        visitor.give_password()
        assert "You are signed in on as many devices as is allowed." in visitor.text
        assert not visitor.is_in
        assert phone.call_protected().status_code == 200

    def test_a_login_of_the_api_does_not_end_here(self, visitor, app, alice):
        token = Device().sign_in(alice).json()["mfa_token"]
        visitor.send("sign_in", mfa_token=token, backend="x", code=app.code())
        assert "This login took too long" in visitor.text
        assert not visitor.is_in
