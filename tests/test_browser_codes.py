"""Browser sessions of people with a second factor, however they signed in."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.contrib.auth import SESSION_KEY
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from tests.browsers import (
    DJANGOS,
    KEY,
    LOAD,
    OURS,
    become,
    middleware,
    open_browser,
    post_password,
    session_of,
    sign_in,
    who_is,
    with_cookies_of,
)
from tests.factors import give_totp

proves = pytest.mark.proves
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("switched_on")]

with_pages = pytest.mark.urls("tests.browser_pages_urls")
without_pages = pytest.mark.urls("tests.browser_urls")

SIGN_IN = "/account/sign-in/"


def due(page, afterwards):
    return f"{page}?{urlencode({'next': afterwards})}"


@pytest.fixture
def factor(alice):
    return give_totp(alice)


@with_pages
@pytest.mark.usefixtures("factor")
class TestCodeDue:
    @proves("P9")
    def test_p9_a_password_alone_lets_nobody_in(self, browser, alice):
        assert post_password(browser, alice).status_code == 302
        assert [who_is(browser), browser.get("/whoami-async/").content] == ["", b""]
        assert SESSION_KEY in browser.session

    @proves("P9")
    def test_p9_nor_does_a_login_by_any_other_page(self, browser, alice):
        become(browser, alice)
        assert who_is(browser) == ""
        assert session_of(browser).user == alice

    @proves("P9")
    def test_p9_nor_by_force(self, browser, alice):
        browser.force_login(alice)
        assert who_is(browser) == ""

    def test_the_login_leads_to_the_page_and_then_to_where_it_would_have_led(self, browser, alice):
        response = become(browser, alice)
        assert (response.status_code, response["Location"]) == (302, due(SIGN_IN, "/whoami/"))
        assert set(response.cookies) >= {"sessionid", "language"}
        assert "Accept-Language" in response["Vary"]
        assert "no-store" in response["Cache-Control"]

    def test_so_does_each_page_that_is_loaded(self, browser, alice):
        become(browser, alice)
        response = browser.get("/whoami/?a=b&c", headers=LOAD)
        assert response["Location"] == due(SIGN_IN, "/whoami/?a=b&c")
        assert "Cookie" in response["Vary"]

    def test_what_is_no_page_is_answered_as_to_anybody(self, browser, alice):
        become(browser, alice)
        asked = [
            browser.get("/whoami/"),
            browser.get("/whoami/", headers={"accept": "application/json"}),
            browser.get("/whoami/", headers={**LOAD, "authorization": "Bearer x"}),
            browser.get("/whoami-rest/"),
        ]
        assert [each.status_code for each in asked] == [200] * 4
        assert [each.content.strip(b'"') for each in asked] == [b""] * 4

    def test_a_page_that_asks_for_nobody_is_for_everybody(self, browser, alice):
        become(browser, alice)
        assert browser.get("/public/", headers=LOAD).status_code == 200

    def test_the_page_itself_is_no_detour(self, browser, alice):
        become(browser, alice)
        response = browser.get(SIGN_IN, headers=LOAD)
        assert (response.status_code, response.content.decode()) == (200, f"{alice} ")

    def test_the_way_out_is_open(self, browser, alice):
        become(browser, alice)
        session = session_of(browser)
        assert browser.post("/logout/", headers=LOAD)["Location"] == "/public/"
        assert Session.objects.get(pk=session.pk).revoked_reason == RevokedReason.SIGNED_OUT

    @proves("V5")
    def test_a_code_lets_in_and_changes_the_key_of_the_session(self, browser, alice, clock):
        become(browser, alice)
        key = browser.session.session_key
        clock.shift(60)
        assert browser.post(SIGN_IN).content.decode().split()[1] == alice.get_username()
        assert who_is(browser) == alice.get_username()
        assert browser.session.session_key != key
        assert browser.session[KEY]["auth_time"] == timezone.now().timestamp()

    @proves("P5")
    def test_p5_a_code_revives_no_session(self, browser, alice, monkeypatch):
        become(browser, alice)
        note = sessions.note_proof

        def revoke_and_note(session, **facts):
            sessions.revoke(session.pk, reason=RevokedReason.REVOKED_BY_STAFF)
            return note(session, **facts)

        monkeypatch.setattr(sessions, "note_proof", revoke_and_note)
        assert browser.post(SIGN_IN).content.decode() == f"{alice} "
        assert (who_is(browser), Session.objects.live().exists()) == ("", False)

    def test_one_taken_over_leads_to_the_page_and_then_to_where_it_was(
        self, browser, alice, settings
    ):
        settings.MIDDLEWARE = middleware(DJANGOS)
        become(browser, alice)
        settings.MIDDLEWARE = middleware(OURS)
        older = with_cookies_of(browser)
        response = older.get("/for-members/", headers=LOAD)
        assert response["Location"] == due(SIGN_IN, "/for-members/")

    def test_one_taken_over_that_has_proven_a_code_goes_on(self, browser, alice, settings):
        settings.MIDDLEWARE = middleware(DJANGOS)
        become(browser, alice)
        browser.post("/enter-code/")
        settings.MIDDLEWARE = middleware(OURS)
        older = with_cookies_of(browser)
        assert who_is(older) == alice.get_username()
        assert session_of(older).amr == ["pwd", "otp", "mfa"]

    def test_who_has_no_factor_is_asked_for_none(self, browser, bob):
        assert sign_in(browser, bob).user == bob
        assert who_is(browser) == bob.get_username()

    @proves("P9")
    def test_p9_a_factor_proven_before_is_not_proven_by_the_next_login(self, browser, alice):
        become(browser, alice)
        browser.post(SIGN_IN)
        browser.post("/enter-code/")
        assert DEVICE_ID_SESSION_KEY in browser.session
        become(browser, alice)
        assert (who_is(browser), DEVICE_ID_SESSION_KEY in browser.session) == ("", False)


@without_pages
@pytest.mark.usefixtures("factor")
class TestPagesOfOthers:
    def test_a_code_entered_there_counts(self, browser, alice, clock):
        session, key = sign_in(browser, alice), browser.session.session_key
        clock.shift(60)
        browser.post("/enter-code/")
        assert session_of(browser).amr == browser.session[KEY]["amr"] == ["pwd", "otp", "mfa"]
        assert browser.session[KEY]["auth_time"] == timezone.now().timestamp()
        assert (session_of(browser), browser.session.session_key != key) == (session, True)

    def test_it_counts_once(self, browser, alice, clock):
        sign_in(browser, alice)
        browser.post("/enter-code/")
        clock.shift(60)
        who_is(browser)
        assert session_of(browser).auth_time < timezone.now()

    def test_a_login_together_with_a_code_has_proven_both(self, browser, alice):
        browser.post("/become-by-code/", {"username": alice.get_username()})
        assert session_of(browser).amr == ["pwd", "otp", "mfa"]
        assert who_is(browser) == alice.get_username()


class TestRequired:
    @pytest.fixture(autouse=True)
    def everybody_must(self, set_jwt):
        set_jwt(MFA_REQUIRED=lambda user: True)

    @with_pages
    @proves("P9")
    def test_p9_who_has_no_factor_is_sent_to_set_one_up(self, browser, alice):
        response = become(browser, alice)
        assert response["Location"] == due("/account/2fa/", "/whoami/")
        assert who_is(browser) == ""
        page = browser.get("/whoami/", headers=LOAD)
        assert page["Location"] == due("/account/2fa/", "/whoami/")

    @with_pages
    def test_that_page_is_shown(self, browser, alice):
        become(browser, alice)
        assert browser.get("/account/2fa/", headers=LOAD).content.decode() == f"{alice} "

    @with_pages
    @proves("P9")
    def test_p9_who_has_got_one_elsewhere_is_sent_to_enter_its_code(self, browser, alice):
        become(browser, alice)
        give_totp(alice)
        page = browser.get("/whoami/", headers=LOAD)
        assert page["Location"] == due(SIGN_IN, "/whoami/")

    @without_pages
    @proves("P9")
    def test_p9_where_there_is_no_such_page_they_are_nobody_and_sent_nowhere(self, browser, alice):
        assert become(browser, alice)["Location"] == "/whoami/"
        response = browser.get("/whoami/", headers=LOAD)
        assert (response.status_code, response.content) == (200, b"")

    @without_pages
    def test_nor_are_they_sent_round_in_circles(self, browser, alice):
        become(browser, alice)
        response = browser.get("/for-members/", headers=LOAD, follow=True)
        assert [where for where, _ in response.redirect_chain] == ["/public/?next=/for-members/"]

    @without_pages
    def test_who_has_proven_a_code_is_in(self, browser, alice):
        give_totp(alice)
        browser.post("/become-by-code/", {"username": alice.get_username()})
        assert who_is(browser) == alice.get_username()


@without_pages
def test_a_proof_is_noted_with_its_time_unless_the_session_is_revoked(browser, alice, clock):
    session = sign_in(browser, alice)
    clock.shift(60)
    assert sessions.note_proof(session, amr=["pwd", "otp", "mfa"])
    stored = session_of(browser)
    assert (stored.amr, stored.auth_time) == (["pwd", "otp", "mfa"], timezone.now())
    sessions.revoke(session.pk, reason=RevokedReason.SIGNED_OUT)
    assert not sessions.note_proof(session, amr=["pwd"])
    assert (session.amr, open_browser().get("/whoami/").content) == (["pwd", "otp", "mfa"], b"")
