"""Which logins and logouts begin and end a browser session, and what they leave behind."""

from __future__ import annotations

import pytest
from django.contrib.auth import SESSION_KEY, aauthenticate, alogin, alogout
from django.contrib.sessions.models import Session as CookieSession
from django.db import connections
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.signals import session_revoked, session_started
from tests.browser_urls import urlpatterns as others
from tests.browsers import (
    DJANGOS,
    KEY,
    OURS,
    become,
    middleware,
    open_browser,
    post_password,
    reason_of,
    session_of,
    sign_in,
    who_is,
    with_cookies_of,
)
from tests.people import credentials, name_of

proves = pytest.mark.proves
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.browser_urls"),
    pytest.mark.usefixtures("switched_on"),
]


class TestLogin:
    @proves("V5")
    def test_the_key_of_the_session_changes_with_it(self, browser, alice):
        store = browser.session
        store["basket"] = "a book"
        store.save()
        sign_in(browser, alice)
        assert browser.session.session_key != store.session_key
        assert browser.session["basket"] == "a book"

    @proves("V5")
    def test_another_one_of_the_same_person_ends_the_former(self, browser, alice):
        former, key = sign_in(browser, alice), browser.session.session_key
        session = sign_in(browser, alice)
        assert (reason_of(former), reason_of(session)) == (RevokedReason.SIGNED_OUT, "")
        assert browser.session.session_key != key
        assert who_is(browser) == alice.get_username()

    def test_that_of_another_person_ends_the_former(self, browser, alice, bob):
        former = sign_in(browser, alice)
        sign_in(browser, bob)
        assert reason_of(former) == RevokedReason.SIGNED_OUT
        assert who_is(browser) == bob.get_username()

    def test_one_that_asks_for_no_password_proves_none(self, browser, alice, settings):
        settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.RemoteUserBackend"]
        become(browser, alice)
        assert session_of(browser).amr == []
        assert who_is(browser) == alice.get_username()

    def test_other_browsers_of_the_person_stay(self, browser, alice):
        sign_in(other := open_browser(), alice)
        sign_in(browser, alice)
        assert who_is(other) == who_is(browser) == alice.get_username()

    def test_it_is_announced_once(self, browser, alice, heard, committed):
        started = heard(session_started)
        with committed():
            session = sign_in(browser, alice)
        assert [each["session"] for each in started] == [session]

    def test_djangos_test_client_signs_in_by_force(self, browser, alice):
        browser.force_login(alice)
        assert who_is(browser) == alice.get_username()
        assert (session_of(browser).kind, session_of(browser).address) == ("browser", None)

    def test_djangos_test_client_signs_in_and_out(self, browser, alice):
        assert browser.login(**credentials(alice, name_of(alice)))
        session = session_of(browser)
        browser.logout()
        assert reason_of(session) == RevokedReason.SIGNED_OUT


class TestLogout:
    @pytest.mark.parametrize("path", ["/logout/", "/forget/"])
    def test_it_ends_the_session(self, browser, alice, path):
        session = sign_in(browser, alice)
        copied = with_cookies_of(browser)
        browser.post(path)
        assert reason_of(session) == RevokedReason.SIGNED_OUT
        assert who_is(browser) == who_is(copied) == ""

    @pytest.mark.parametrize("path", ["/logout/", "/forget/"])
    def test_it_is_announced_once(self, browser, alice, heard, committed, path):
        session = sign_in(browser, alice)
        revoked = heard(session_revoked)
        with committed():
            browser.post(path)
        assert [each["session_id"] for each in revoked] == [session.pk]

    def test_who_is_not_signed_in_may_log_out(self, browser):
        assert browser.post("/logout/").status_code == 302
        assert browser.post("/forget/").status_code == 200

    def test_a_cookie_that_was_copied_is_worth_nothing_afterwards(self, browser, alice, settings):
        settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
        sign_in(browser, alice)
        copied = with_cookies_of(browser)
        browser.post("/logout/")
        assert who_is(copied) == ""


class TestAsync:
    @pytest.fixture(autouse=True)
    def views(self, alice):
        async def enter(request):
            await alogin(request, await aauthenticate(**credentials(alice, name_of(alice))))
            return HttpResponse()

        async def leave(request):
            await alogout(request)
            return HttpResponse()

        async def forget(request):
            await request.session.aflush()
            return HttpResponse()

        views = {"enter": enter, "leave": leave, "flush": forget}
        urls = type("urls", (), {"urlpatterns": [path(f"{n}/", v) for n, v in views.items()]})
        urls.urlpatterns += others
        with override_settings(ROOT_URLCONF=urls):
            yield

    @pytest.mark.parametrize("way_out", ["/leave/", "/flush/"])
    def test_what_begins_and_ends_asynchronously_is_the_same(self, browser, alice, way_out):
        browser.post("/enter/")
        session = session_of(browser)
        assert who_is(browser) == alice.get_username()
        browser.post(way_out)
        assert (reason_of(session), who_is(browser)) == (RevokedReason.SIGNED_OUT, "")


class TestLimit:
    @proves("V4")
    def test_the_oldest_makes_room(self, browser, alice, phone, set_jwt, clock):
        set_jwt(MAX_SESSIONS_PER_USER=1)
        clock.shift(1)
        session = sign_in(browser, alice)
        assert phone.session.revoked_reason == RevokedReason.SESSION_LIMIT
        assert list(Session.objects.live()) == [session]

    @proves("V4")
    def test_or_the_login_is_refused_and_nobody_is_signed_in(self, browser, alice, phone, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=1, SESSION_LIMIT_POLICY="refuse")
        assert post_password(browser, alice).status_code == 403
        assert (who_is(browser), SESSION_KEY in browser.session) == ("", False)
        assert list(Session.objects.live()) == [phone.session]

    @proves("V4")
    def test_a_refused_one_leaves_nobody_else_signed_in_either(
        self, browser, alice, bob, phone, set_jwt
    ):
        bobs = sign_in(browser, bob)
        set_jwt(MAX_SESSIONS_PER_USER=1, SESSION_LIMIT_POLICY="refuse")
        assert post_password(browser, alice).status_code == 403
        assert (who_is(browser), reason_of(bobs)) == ("", RevokedReason.SIGNED_OUT)

    def test_another_one_in_the_same_browser_is_not_one_too_many(self, browser, alice, set_jwt):
        set_jwt(MAX_SESSIONS_PER_USER=1, SESSION_LIMIT_POLICY="refuse")
        sign_in(browser, alice)
        sign_in(browser, alice)
        assert who_is(browser) == alice.get_username()


@pytest.mark.django_db(transaction=True)
class TestRolledBack:
    @pytest.fixture(params=[OURS, DJANGOS])
    def answer(self, request, browser, alice, settings):
        """What a login in vain is answered with, by our middleware and by Django's own."""
        settings.MIDDLEWARE = middleware(request.param)
        return browser.post("/become-in-vain/", {"username": alice.get_username()})

    def test_a_login_in_vain_is_answered_as_django_does(self, answer):
        assert answer.status_code in {400, 403}

    @pytest.mark.parametrize("engine", ["db", "cache", "signed_cookies"])
    def test_the_next_login_is_as_good_as_any(self, browser, alice, settings, engine):
        settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
        vain = browser.post("/become-in-vain/", {"username": alice.get_username()})
        assert vain.status_code in {400, 403}
        assert browser.get("/whoami/").status_code == 200
        session = sign_in(browser, alice)
        assert who_is(browser) == alice.get_username()
        assert list(Session.objects.live()) == [session]

    def test_where_each_request_is_a_transaction_a_login_and_a_page_work(
        self, browser, alice, monkeypatch
    ):
        monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
        sign_in(browser, alice)
        assert who_is(browser) == alice.get_username()
        assert CookieSession.objects.count() == 1

    def test_a_session_taken_over_in_vain_is_taken_over_the_next_time(
        self, browser, alice, settings
    ):
        settings.MIDDLEWARE = middleware(DJANGOS)
        become(browser, alice)
        settings.MIDDLEWARE = middleware(OURS)
        later = with_cookies_of(browser)
        later.get("/whoami-in-vain/")
        assert not Session.objects.exists()
        assert who_is(later) == alice.get_username()
        assert session_of(later).user == alice


def test_a_login_announced_by_somebody_elses_api_begins_nothing(browser, alice, rf):
    from django.contrib.auth.signals import user_logged_in

    request = rf.get("/")
    request.session = browser.session
    user_logged_in.send(sender=type(alice), request=request, user=alice)
    user_logged_in.send(sender=type(alice), request=None, user=alice)
    assert (Session.objects.count(), KEY in request.session) == (0, False)


def test_a_session_started_in_python_has_what_it_is_told(alice, rf):
    from datetime import timedelta

    from django.utils import timezone

    session = sessions.start_in_browser(
        alice, request=rf.get("/"), amr=["pwd", "otp", "mfa"], idle=timedelta(hours=1)
    )
    stored = Session.objects.select_related("refresh_token").get()
    assert (stored, stored.kind, stored.amr) == (session, "browser", ["pwd", "otp", "mfa"])
    assert stored.refresh_token.idle_expires_at == timezone.now() + timedelta(hours=1)
