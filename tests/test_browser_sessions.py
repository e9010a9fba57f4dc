"""Django's cookie sessions as sessions of ours."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from tests.people import FIREFOX, name_of

DJANGOS = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "jwt_sessions.middleware.AuthenticationMiddleware"

proves = pytest.mark.proves
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.browser_urls")]


@pytest.fixture(autouse=True)
def switched_on(settings):
    settings.MIDDLEWARE = [OURS if path == DJANGOS else path for path in settings.MIDDLEWARE]


@pytest.fixture
def browser():
    """A browser that nobody has used."""
    return Client(headers={"user-agent": FIREFOX})


def sign_in(browser, user):
    body = {"username": user.get_username(), "password": name_of(user)}
    response = browser.post("/login/", body)
    assert response.status_code == 302, response.content
    return Session.objects.get(pk=browser.session["jwt_sessions"]["sid"])


def who_is(browser):
    return browser.get("/whoami/").content.decode()


def test_a_login_by_djangos_own_page_starts_a_session(browser, alice):
    session = sign_in(browser, alice)
    assert (session.kind, session.user, session.amr) == ("browser", alice, ["pwd"])
    assert (session.device, session.address) == ("Firefox on Windows", "127.0.0.1")


@proves("P1")
def test_a_revoked_session_is_refused_on_the_next_request(browser, alice):
    session = sign_in(browser, alice)
    assert who_is(browser) == alice.get_username()
    sessions.revoke(session.pk, reason=RevokedReason.REVOKED_BY_STAFF)
    assert who_is(browser) == ""
    assert SESSION_KEY not in browser.session


def test_a_page_costs_the_queries_that_django_asks(browser, alice, django_assert_num_queries):
    sign_in(browser, alice)
    with django_assert_num_queries(2):
        browser.get("/whoami/")
    with django_assert_num_queries(0):
        browser.get("/public/")


def test_it_is_seen_every_five_minutes_at_most(browser, alice, clock):
    session = sign_in(browser, alice)
    started = session.refresh_token.last_seen_at
    clock.shift(299)
    who_is(browser)
    session.refresh_token.refresh_from_db()
    assert session.refresh_token.last_seen_at == started
    clock.shift(1)
    who_is(browser)
    session.refresh_token.refresh_from_db()
    assert session.refresh_token.last_seen_at == started + timedelta(minutes=5)
