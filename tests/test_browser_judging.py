"""What else ends a browser session, and what does not: passwords, people, backends, garbage."""

from __future__ import annotations

import pytest
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from tests.browsers import (
    KEY,
    open_browser,
    reason_of,
    revoke,
    rewrite,
    session_of,
    sign_in,
    who_is,
)
from tests.people import Device, make_user

proves = pytest.mark.proves
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.browser_urls"),
    pytest.mark.usefixtures("switched_on"),
]


class TestPassword:
    @proves("V1")
    def test_one_changed_elsewhere_ends_it(self, browser, alice):
        session = sign_in(browser, alice)
        alice.set_password("another")
        alice.save()
        assert reason_of(session) == RevokedReason.PASSWORD_CHANGED
        assert who_is(browser) == ""

    @proves("V1")
    def test_one_changed_behind_our_back_ends_it_and_that_is_recorded(self, browser, alice):
        session = sign_in(browser, alice)
        get_user_model().objects.update(password=make_password("another"))
        assert (reason_of(session), who_is(browser)) == ("", "")
        assert reason_of(session) == RevokedReason.PASSWORD_CHANGED

    @proves("V1")
    def test_a_login_in_the_request_that_finds_out_is_not_ended_for_it(self, browser, alice):
        session = sign_in(browser, alice)
        get_user_model().objects.update(password=make_password("another"))
        body = {"username": alice.get_username(), "password": "another"}
        browser.post("/login-unless-signed-in/", body)
        assert who_is(browser) == alice.get_username()
        assert reason_of(session) != ""

    @pytest.mark.parametrize("path", ["/change-password/", "/change-password-of-a-copy/"])
    def test_the_browser_that_changed_it_stays_and_all_others_go(self, browser, alice, phone, path):
        other = open_browser()
        former = sign_in(other, alice), sign_in(browser, alice)
        sessions.rename(former[1].pk, user=alice, device_name="My laptop")
        browser.post(path, {"password": "another"})
        assert (who_is(browser), who_is(other)) == (alice.get_username(), "")
        assert phone.get("/api/auth/sessions/").status_code == 401
        assert {reason_of(each) for each in former} == {RevokedReason.PASSWORD_CHANGED}
        assert session_of(browser).device_name == "My laptop"

    def test_that_is_no_fresh_proof(self, browser, alice, clock):
        sign_in(browser, alice)
        before = browser.session[KEY]["auth_time"]
        clock.shift(60)
        browser.post("/change-password/", {"password": "another"})
        assert browser.session[KEY]["auth_time"] == before

    @proves("P5")
    def test_p5_it_does_not_outlive_a_revocation_meanwhile(self, browser, alice, monkeypatch):
        session = sign_in(browser, alice)
        save = get_user_model().save

        def revoke_and_save(user, **options):
            revoke(session)
            save(user, **options)

        monkeypatch.setattr(get_user_model(), "save", revoke_and_save)
        browser.post("/change-password/", {"password": "another"})
        assert who_is(browser) == ""
        assert not Session.objects.live().exists()

    @proves("P7")
    def test_an_account_closed_in_the_same_request_is_no_error(self, browser, alice):
        sign_in(browser, alice)
        assert browser.post("/close-account/").status_code == 200
        assert who_is(browser) == ""


class TestUpgrade:
    @proves("P13")
    def test_p13_a_hash_upgraded_by_an_app_ends_no_browser_session(self, browser, settings, db):
        settings.PASSWORD_HASHERS = ["tests.test_accounts.WeakerHasher"]
        carol = make_user("carol")
        sign_in(browser, carol)
        settings.PASSWORD_HASHERS = ["tests.test_accounts.StrongerHasher"]
        Device().sign_in(carol)
        assert [who_is(browser), who_is(browser)] == [carol.get_username()] * 2

    @proves("P13")
    def test_p13_a_rotated_secret_key_signs_nobody_out_nor_does_dropping_it(
        self, browser, alice, settings
    ):
        session = sign_in(browser, alice)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "the next secret key, long enough as well to please the checks"
        assert who_is(browser) == alice.get_username()
        settings.SECRET_KEY_FALLBACKS = []
        assert who_is(browser) == alice.get_username()
        assert session_of(browser) == session

    def test_p13_the_key_of_the_session_stays_for_requests_beside(self, browser, alice, settings):
        sign_in(browser, alice)
        before = browser.session.session_key
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "the next secret key, long enough as well to please the checks"
        who_is(browser)
        assert browser.session.session_key == before


class BackendOfItsOwn(ModelBackend):
    """Finds nobody called bob."""

    def get_user(self, user_id):
        user = super().get_user(user_id)
        return None if user is None or user.get_username().startswith("bob") else user


class TestJudged:
    @proves("V2")
    def test_an_inactive_user_is_out_and_that_is_recorded(self, browser, alice):
        session = sign_in(browser, alice)
        get_user_model().objects.update(is_active=False)
        assert who_is(browser) == ""
        assert reason_of(session) == RevokedReason.USER_DEACTIVATED

    @proves("V2")
    def test_a_deleted_user_is_out(self, browser, alice):
        session = sign_in(browser, alice)
        alice.delete()
        assert who_is(browser) == ""
        assert reason_of(session) == RevokedReason.USER_DELETED

    @proves("V2")
    def test_who_breaks_the_projects_rule_is_out_and_that_is_recorded(
        self, browser, alice, set_jwt
    ):
        session = sign_in(browser, alice)
        set_jwt(USER_AUTHENTICATION_RULE="tests.test_accounts.nobody_called_alice")
        assert who_is(browser) == ""
        assert reason_of(session) == RevokedReason.USER_DEACTIVATED

    def test_a_backend_that_is_gone_lets_nobody_in_until_it_is_back(self, browser, alice, settings):
        sign_in(browser, alice)
        before = settings.AUTHENTICATION_BACKENDS
        settings.AUTHENTICATION_BACKENDS = ["tests.test_browser_judging.BackendOfItsOwn"]
        assert who_is(browser) == ""
        settings.AUTHENTICATION_BACKENDS = before
        assert who_is(browser) == alice.get_username()

    @proves("V2")
    def test_whom_djangos_backend_refuses_is_nobody_whatever_the_project_says(
        self, browser, alice, set_jwt
    ):
        set_jwt(CHECK_USER_IS_ACTIVE=False)
        session = sign_in(browser, alice)
        get_user_model().objects.update(is_active=False)
        assert (who_is(browser), reason_of(session)) == ("", "")

    def test_a_backend_finds_users_in_its_own_way(self, browser, alice, bob, settings):
        settings.AUTHENTICATION_BACKENDS = ["tests.test_browser_judging.BackendOfItsOwn"]
        other = open_browser()
        assert sign_in(browser, alice).amr == sign_in(other, bob).amr == ["pwd"]
        assert [who_is(browser), who_is(other)] == [alice.get_username(), ""]

    @proves("P7")
    @pytest.mark.parametrize(
        "kept",
        [
            None,
            {},
            {"sid": 7},
            {"sid": "not an id"},
            {"sid": "0" * 32},
            {"sid": "01932f6d-0000-7000-8000-000000000000"},
            {"auth_time": "now"},
            {"auth_time": -1},
            {"auth_time": 1e300},
            {"auth_time": True},
            {"amr": None},
            {"amr": "pwd"},
        ],
    )
    def test_p7_what_cannot_be_under_our_key_signs_out(self, browser, alice, kept):
        sign_in(browser, alice)
        rewrite(browser, **{KEY: {**browser.session[KEY], **kept} if kept else kept})
        response = browser.get("/whoami/")
        assert (response.status_code, response.content) == (200, b"")
        assert SESSION_KEY not in browser.session

    @proves("P7")
    def test_p7_the_session_of_somebody_else_signs_out_and_theirs_goes_on(
        self, browser, alice, bob
    ):
        other = open_browser()
        bobs = sign_in(other, bob)
        sign_in(browser, alice)
        rewrite(browser, **{KEY: {**browser.session[KEY], "sid": str(bobs.pk)}})
        assert [who_is(browser), who_is(other)] == ["", bob.get_username()]

    @proves("P7")
    def test_p7_the_session_of_an_app_is_none_for_a_browser(self, browser, alice, phone):
        sign_in(browser, alice)
        rewrite(browser, **{KEY: {**browser.session[KEY], "sid": phone.sid}})
        assert who_is(browser) == ""
        assert phone.get("/api/auth/sessions/").status_code == 200
