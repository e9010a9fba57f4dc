"""Many requests of one browser at once."""

from __future__ import annotations

from threading import Event

import pytest

from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, RevokedReason, Session
from tests.browsers import (
    DJANGOS,
    OURS,
    middleware,
    session_of,
    sign_in,
    who_is,
    with_cookies_of,
)
from tests.people import name_of
from tests.racing import connect

CALLERS = 20
proves = pytest.mark.proves

pytestmark = [
    pytest.mark.races,
    pytest.mark.usefixtures("switched_on"),
    pytest.mark.urls("tests.browser_urls"),
    pytest.mark.django_db(transaction=True),
    # One worker for all of them: PostgreSQL serves a hundred connections.
    pytest.mark.xdist_group("races"),
]


@pytest.fixture(params=["db", "signed_cookies"])
def engine(request, settings):
    """Where cookie sessions are kept; a signed cookie stays good, whatever we think of it."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"


@pytest.fixture
def callers(threads):
    """Threads that open pages."""
    callers = threads(CALLERS)
    callers.at_once(*[connect] * CALLERS)
    return callers


@proves("P1", "P5")
def test_p1_none_is_let_in_once_the_revocation_is_committed(browser, alice, callers, engine, clock):
    session, is_over = sign_in(browser, alice), Event()
    clock.shift(300)  # so that each of them would be seen

    def ask():
        found = []
        for _ in range(8):
            was_over = is_over.is_set()
            found.append((was_over, who_is(with_cookies_of(browser))))
        return found

    def revoke():
        sessions.revoke(session.pk, reason=RevokedReason.REVOKED_BY_STAFF)
        is_over.set()
        return ask()

    found = [each for all_ in callers.at_once(*[ask] * (CALLERS - 1), revoke) for each in all_]
    assert {who for was_over, who in found if was_over} == {""}
    assert {who for _, who in found} <= {"", alice.get_username()}
    assert Session.objects.get().revoked_reason == RevokedReason.REVOKED_BY_STAFF


@proves("P13")
def test_p13_one_of_them_takes_over_an_older_session(
    browser, alice, callers, engine, settings, clock
):
    for number in range(1, 4):
        clock.shift(1)  # two signed cookies of one moment are the same
        settings.MIDDLEWARE = middleware(DJANGOS)
        older = with_cookies_of(browser)
        assert older.login(username=alice.get_username(), password=name_of(alice))
        settings.MIDDLEWARE = middleware(OURS)
        tabs = [with_cookies_of(older) for _ in range(CALLERS)]
        found = callers.at_once(*[lambda tab=tab: who_is(tab) for tab in tabs])
        assert found == [alice.get_username()] * CALLERS
        assert Session.objects.count() == number
        assert {session_of(tab).pk for tab in tabs} == {session_of(tabs[0]).pk}


def test_one_of_them_writes_when_they_were_seen(
    browser, alice, callers, engine, clock, monkeypatch
):
    session, see, written = sign_in(browser, alice), sessions.see, []
    clock.shift(300)

    def note(*arguments, **keywords):
        written.append(see(*arguments, **keywords))

    monkeypatch.setattr(sessions, "see", note)
    found = callers.at_once(*[lambda: who_is(with_cookies_of(browser))] * CALLERS)
    assert found == [alice.get_username()] * CALLERS
    assert (len(written), sum(written)) == (CALLERS, 1)
    seen = RefreshToken.objects.get(pk=session.pk).last_seen_at
    assert (seen - session.created_at).total_seconds() == 300
