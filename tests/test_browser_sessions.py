"""Django's cookie sessions as sessions of ours: seen, listed, ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, RevokedReason, Session
from jwt_sessions.sessions import seeing
from tests.browsers import (
    DJANGOS,
    KEY,
    become,
    middleware,
    open_browser,
    reason_of,
    revoke,
    session_of,
    sign_in,
    who_is,
    with_cookies_of,
)
from tests.people import credentials

proves = pytest.mark.proves
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.browser_urls"),
    pytest.mark.usefixtures("switched_on"),
]


def seen(session):
    return RefreshToken.objects.get(pk=session.pk).last_seen_at


def test_a_login_by_djangos_own_page_starts_a_session(browser, alice):
    session = sign_in(browser, alice)
    assert (session.kind, session.user, session.amr) == ("browser", alice, ["pwd"])
    assert (session.device, session.address) == ("Firefox on Windows", "127.0.0.1")


@proves("P1")
@pytest.mark.parametrize("path", ["/whoami/", "/whoami-async/", "/whoami-rest/"])
def test_a_revoked_session_is_refused_on_the_next_request(browser, alice, path):
    session = sign_in(browser, alice)
    assert alice.get_username() in browser.get(path).content.decode()
    revoke(session)
    assert alice.get_username() not in browser.get(path).content.decode()
    assert SESSION_KEY not in browser.session


@proves("P12")
def test_a_page_costs_the_queries_that_django_asks(browser, alice, django_assert_num_queries):
    sign_in(browser, alice)
    with django_assert_num_queries(2):
        browser.get("/whoami/")
    with django_assert_num_queries(0):
        browser.get("/public/")


@proves("P12")
def test_who_asks_in_both_ways_costs_no_query_more(browser, alice, django_assert_num_queries):
    sign_in(browser, alice)
    with django_assert_num_queries(2):
        answer = browser.get("/whoami-both/").content.decode()
    assert answer == f"{alice.get_username()} {alice.get_username()}"


@proves("P12")
def test_a_login_and_a_logout_cost_fixed_numbers_of_queries(
    browser, alice, bob, django_assert_max_num_queries
):
    for _ in range(3):
        sign_in(open_browser(), alice)
    # Django's: the user, the key of the session twice, last_login, the session. Ours: two inserts,
    # and whether they are stored still. Around each write, what makes it whole.
    with django_assert_max_num_queries(22):
        sign_in(browser, alice)
    with django_assert_max_num_queries(6):
        browser.post("/logout/")


class TestSeen:
    def test_it_is_seen_every_five_minutes_at_most(self, browser, alice, clock):
        session = sign_in(browser, alice)
        started = session.refresh_token.last_seen_at
        clock.shift(299)
        who_is(browser)
        assert seen(session) == started
        clock.shift(1)
        who_is(browser)
        assert seen(session) == started + timedelta(minutes=5)

    def test_with_the_address_it_came_from(self, browser, alice, clock):
        session = sign_in(browser, alice)
        clock.shift(300)
        browser.get("/whoami/", REMOTE_ADDR="203.0.113.9")
        assert session_of(browser).refresh_token.address == "203.0.113.9"
        assert session.address == "127.0.0.1"

    def test_an_address_that_nobody_knows_leaves_the_last_one_alone(self, browser, alice, clock):
        sign_in(browser, alice)
        clock.shift(300)
        browser.get("/whoami/", REMOTE_ADDR="")
        assert session_of(browser).refresh_token.address == "127.0.0.1"

    def test_a_page_that_asks_for_nobody_sees_nobody(self, browser, alice, clock):
        session = sign_in(browser, alice)
        clock.shift(300)
        browser.get("/public/")
        assert seen(session) == session.created_at

    def test_of_two_requests_at_once_one_writes(self, browser, alice, clock, rf):
        row = sign_in(browser, alice).refresh_token
        clock.shift(300)
        request, idle = rf.get("/"), timedelta(hours=1)
        found = [sessions.see(row, idle=idle, request=request) for _ in range(2)]
        assert found == [True, False]

    @proves("P5")
    def test_p5_a_revocation_between_reading_and_seeing_stays(self, browser, alice, clock, rf):
        session = sign_in(browser, alice)
        clock.shift(300)
        revoke(session)
        assert not sessions.see(session.refresh_token, idle=timedelta(1), request=rf.get("/"))
        assert reason_of(session) == RevokedReason.REVOKED_BY_STAFF
        assert seen(session) == session.created_at


class TestEnds:
    def test_it_ends_where_it_lies_unused_as_long_as_django_keeps_it(self, browser, alice, clock):
        session = sign_in(browser, alice)
        age = timedelta(weeks=2) + seeing.SEEN_FOR
        assert session.refresh_token.idle_expires_at == timezone.now() + age

    def test_one_that_lay_unused_too_long_is_over(self, browser, alice, clock):
        sign_in(browser, alice)
        RefreshToken.objects.update(idle_expires_at=timezone.now() + timedelta(minutes=10))
        clock.shift(600)
        assert who_is(browser) == ""
        assert KEY not in browser.session

    def test_use_prolongs_it(self, browser, alice, clock):
        session = sign_in(browser, alice)
        RefreshToken.objects.update(idle_expires_at=timezone.now() + timedelta(minutes=10))
        clock.shift(599)
        assert who_is(browser) == alice.get_username()
        clock.shift(timedelta(days=1))
        assert who_is(browser) == alice.get_username()
        assert seen(session) == timezone.now()

    def test_nothing_prolongs_it_beyond_its_absolute_end(self, browser, alice, clock, set_jwt):
        set_jwt(SESSION_LIFETIME=timedelta(hours=1))
        session = sign_in(browser, alice)
        clock.shift(3599)
        assert who_is(browser) == alice.get_username()
        assert session_of(browser).refresh_token.idle_expires_at == session.expires_at
        clock.shift(1)
        assert who_is(browser) == ""

    def test_sign_out_everywhere_ends_browsers_and_apps_alike(self, browser, alice, phone):
        sign_in(browser, alice)
        assert sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT_REMOTELY) == 2
        assert (who_is(browser), phone.get("/api/auth/sessions/").status_code) == ("", 401)

    def test_an_app_lists_and_ends_a_browsers_session(self, browser, alice, phone):
        session = sign_in(browser, alice)
        assert str(session.pk) in {each["id"] for each in phone.list_sessions()}
        phone.delete(f"sessions/{session.pk}/")
        assert who_is(browser) == ""


class TestBesideOthers:
    def test_switched_off_nothing_is_kept(self, browser, alice, settings):
        settings.MIDDLEWARE = middleware(DJANGOS)
        become(browser, alice)
        assert who_is(browser) == alice.get_username()
        browser.post("/logout/")
        assert not Session.objects.exists()

    def test_switched_off_again_a_logout_still_ends_what_was_begun(self, browser, alice, settings):
        session = sign_in(browser, alice)
        settings.MIDDLEWARE = middleware(DJANGOS)
        with_cookies_of(browser).post("/logout/")
        assert reason_of(session) == RevokedReason.SIGNED_OUT

    def test_an_apps_sign_in_beside_a_cookie_begins_one_session_of_its_own(
        self, browser, alice, committed
    ):
        session = sign_in(browser, alice)
        body = credentials(alice, "alice")
        with committed():
            browser.post("/api/auth/token/", body, content_type="application/json")
        assert sorted(Session.objects.live().values_list("kind", flat=True)) == ["api", "browser"]
        assert (who_is(browser), session_of(browser)) == (alice.get_username(), session)
