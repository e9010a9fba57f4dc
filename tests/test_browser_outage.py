"""P8 for browsers: where nobody can tell who somebody is, they are told to come again."""

from __future__ import annotations

import pytest
from django.db import DataError, OperationalError, close_old_connections

from jwt_sessions import sessions
from jwt_sessions.browser_sessions import visits
from jwt_sessions.models import RevokedReason
from tests import browser_urls
from tests.browsers import OURS, become, middleware, open_browser, sign_in, who_is, with_cookies_of

proves = pytest.mark.proves
pytestmark = [
    proves("P8"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser_urls"),
    pytest.mark.usefixtures("switched_on"),
]

PAGES = ["/whoami/", "/whoami-async/", "/whoami-rest/", "/for-members/"]


def finish(answer):
    """Do what Django does after each request, and its test client leaves out."""
    close_old_connections()
    return answer


def assert_unavailable(answer):
    assert (answer.status_code, answer["Cache-Control"]) == (503, "no-store")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("engine", ["db", "signed_cookies"])
def test_p8_while_the_database_is_away_pages_answer_503_and_then_all_work(
    line,
    alice,
    settings,
    caplog,
    engine,
):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    browser = open_browser()
    session = sign_in(browser, alice)
    line.cut()
    for page in PAGES:
        assert_unavailable(finish(browser.get(page)))
    assert finish(browser.get("/public/")).status_code == 200
    line.mend()
    close_old_connections()
    assert finish(browser.get("/whoami/")).content.decode() == alice.get_username()
    assert session.pk == alice.jwt_sessions.get().pk


@pytest.fixture
def lost(monkeypatch):
    """Let a function of a module lose the line."""

    def lose(module, name, error=OperationalError):
        def losing(*arguments, **keywords):
            raise error("the line is lost")

        monkeypatch.setattr(module, name, losing)

    return lose


@pytest.fixture
def signed_in(browser, alice):
    """A browser of Alice's."""
    sign_in(browser, alice)
    return browser


def test_p8_another_middleware_that_asks_gets_no_500_either(signed_in, settings, lost, caplog):
    login_required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = middleware(OURS, login_required)
    other = with_cookies_of(signed_in)
    other.raise_request_exception = False
    lost(visits, "load_refresh_token")
    assert_unavailable(other.get("/whoami/"))


def test_a_mistake_is_no_outage(signed_in, lost):
    lost(visits, "load_refresh_token", DataError)
    with pytest.raises(DataError):
        signed_in.get("/whoami/")


def test_a_page_that_fails_for_a_reason_of_its_own_is_not_told_otherwise(signed_in, alice, lost):
    lost(browser_urls, "login", RuntimeError)
    signed_in.raise_request_exception = False
    assert become(signed_in, alice).status_code == 500


def test_p8_a_page_is_answered_though_nothing_can_be_written_any_more(
    signed_in,
    alice,
    lost,
    clock,
    caplog,
):
    clock.shift(300)
    lost(sessions, "see")
    assert who_is(signed_in) == alice.get_username()
    assert "cannot be written" in caplog.text


def test_p8_a_revoked_session_stays_refused_through_an_outage(
    signed_in,
    line,
    alice,
    caplog,
):
    sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT)
    line.cut()
    assert finish(signed_in.get("/whoami/")).status_code == 503
    line.mend()
    close_old_connections()
    assert finish(signed_in.get("/whoami/")).content == b""
