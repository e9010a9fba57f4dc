"""Browsers in people's hands, and what they do on the pages of ``browser_urls.py``."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.test import Client

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from tests.people import FIREFOX, name_of

DJANGOS = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "jwt_sessions.middleware.AuthenticationMiddleware"
KEY = "jwt_sessions"
LOAD = {"accept": "text/html,*/*;q=0.8"}  # what a browser sends that loads a page


def middleware(ours, *others):
    """Return the MIDDLEWARE of the tests with `ours` in the place of Django's own."""
    return [ours if path in {DJANGOS, OURS} else path for path in settings.MIDDLEWARE] + [*others]


def open_browser(**options):
    return Client(headers={"user-agent": FIREFOX}, **options)


def with_cookies_of(browser):
    """Another one that has the same cookies, and knows of changed settings."""
    other = open_browser(raise_request_exception=browser.raise_request_exception)
    for name, morsel in browser.cookies.items():
        other.cookies[name] = morsel.value
    return other


def post_password(browser, user, path="/login/"):
    return browser.post(path, {"username": user.get_username(), "password": name_of(user)})


def sign_in(browser, user):
    """Sign in by Django's own page; return the session that has begun."""
    response = post_password(browser, user)
    assert response.status_code == 302, response.content
    return session_of(browser)


def become(browser, user):
    """Sign in by a page of the project's own, which asks for nothing."""
    return browser.post("/become/", {"username": user.get_username()})


def session_of(browser):
    return Session.objects.select_related("refresh_token").get(pk=browser.session[KEY]["sid"])


def who_is(browser):
    return browser.get("/whoami/").content.decode()


def rewrite(browser, **changes):
    """Change what ``request.session`` keeps, behind everybody's back."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(browser.session.session_key)
    for name, value in changes.items():
        store[name] = value
    store.save()


def reason_of(session):
    """Why a session was revoked, or ""."""
    return Session.objects.get(pk=session.pk).revoked_reason


def revoke(session):
    return sessions.revoke(session.pk, reason=RevokedReason.REVOKED_BY_STAFF)
