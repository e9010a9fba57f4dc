from __future__ import annotations

from datetime import UTC, datetime

import hypothesis
import pytest
import time_machine
from django.core.cache import cache
from django.db import connection

from jwt_sessions import sessions
from jwt_sessions.models.recovery_codes import RecoveryCodeHasher
from jwt_sessions.sessions import refreshing
from tests.authenticators import enroll
from tests.browsers import OURS, middleware, open_browser
from tests.browsing import start_chromium
from tests.factor_stories import STORIES, Story
from tests.inboxes import Mailbox, Telephone
from tests.people import Device, make_user
from tests.racing import Threads, wait_until_alone
from tests.servers import File, Line
from tests.visitors import Visitor

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


@pytest.fixture
def alice(db):
    """An ordinary person with nothing but her own account."""
    return make_user("alice")


@pytest.fixture
def bob(db):
    """Another ordinary person."""
    return make_user("bob")


@pytest.fixture
def phone(alice):
    """Alice's phone, signed in."""
    device = Device()
    device.sign_in(alice)
    return device


@pytest.fixture
def laptop(alice):
    """Alice's laptop, signed in too."""
    device = Device()
    device.sign_in(alice)
    return device


@pytest.fixture
def token(alice):
    """A good access token of Alice's, to be bent."""
    return sessions.start(alice).access


@pytest.fixture(autouse=True)
def clock():
    """A clock that stands still until it is shifted, for every test."""
    with time_machine.travel(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def fresh_cache():
    """What one test has counted against the limits is none of the next one's."""
    cache.clear()


@pytest.fixture
def set_jwt(settings):
    """Set keys of JWT_SESSIONS for one test: ``set_jwt(NUM_PROXIES=1)``."""

    def set_keys(**values):
        settings.JWT_SESSIONS = {**settings.JWT_SESSIONS, **values}

    return set_keys


@pytest.fixture
def switched_on(settings):
    """Cookie sessions are sessions of ours."""
    settings.MIDDLEWARE = middleware(OURS)


@pytest.fixture
def browser():
    """A browser that nobody has used."""
    return open_browser()


@pytest.fixture
def throttles_off(set_jwt):
    """No limits: for tests of many callers at once."""
    set_jwt(THROTTLE_RATES=None)


@pytest.fixture
def threads():
    """Start threads, which are ended with the test: ``threads(50).at_once(...)``."""
    started = []

    def start(number):
        started.append(Threads(number))
        return started[-1]

    yield start
    for each in started:
        each.close()
    if started:
        wait_until_alone()


@pytest.fixture
def authenticator(phone, clock):
    """Alice's authenticator app, enrolled on her phone; its next code is new."""
    app = enroll(phone, name="My phone")
    clock.shift(30)
    return app


@pytest.fixture
def with_pages(settings):
    """A site with our pages, and our browser sessions."""
    settings.MIDDLEWARE = middleware(OURS)
    settings.ROOT_URLCONF = "tests.pages_urls"


@pytest.fixture
def visitor(with_pages, alice):
    """A browser of Alice's that has not been at this site."""
    return Visitor(alice)


@pytest.fixture
def other_browser(with_pages, alice):
    """Another one of hers."""
    return Visitor(alice)


@pytest.fixture
def mailbox(settings):
    """Where Alice reads her mail."""
    return Mailbox(settings)


@pytest.fixture
def telephone(set_jwt):
    """Alice's telephone, and a gateway that reaches it."""
    telephone = Telephone()
    set_jwt(MFA_SMS_SENDER=telephone)
    return telephone


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Run what waits for the commit: ``with committed(): ...``."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def story(phone, clock):
    """What Alice does with her second factor."""
    return Story(phone, clock)


@pytest.fixture
def happen(story, committed):
    """Let a kind of event happen, and return the session that it is of."""

    def let_happen(kind, *, prepare=lambda: None):
        act, _ = STORIES[kind]
        if act is not Story.add:
            story.have_app()
        prepare()
        with committed():
            return act(story)

    return let_happen


@pytest.fixture
def line(db, monkeypatch):
    """The line to the database of this test, over connections that are kept between requests."""
    if connection.vendor == "sqlite":
        yield File()
        connection.settings_dict["NAME"] = connection.settings_dict["TEST"]["NAME"]
        return
    config = connection.settings_dict
    line = Line(config["HOST"], config["PORT"])
    connection.close()
    for name, value in {"HOST": "127.0.0.1", "PORT": str(line.port), "CONN_MAX_AGE": None}.items():
        monkeypatch.setitem(config, name, value)
    yield line
    connection.close()
    line.cut()


@pytest.fixture
def after_load(monkeypatch):
    """Let something happen just after a refresh has read its row, once."""
    load = refreshing.load_refresh_token

    def arrange(happen):
        def load_then_let_it_happen(sid, **kwargs):
            monkeypatch.setattr(refreshing, "load_refresh_token", load)
            row = load(sid, **kwargs)
            happen()
            return row

        monkeypatch.setattr(refreshing, "load_refresh_token", load_then_let_it_happen)

    return arrange


@pytest.fixture
def heard():
    """Listen to signals: ``heard(signal)`` returns the list that fills."""
    connected = []

    def listen(signal):
        messages = []

        def receiver(signal, **facts):
            messages.append(facts)

        signal.connect(receiver, weak=False)
        connected.append((signal, receiver))
        return messages

    yield listen
    for signal, receiver in connected:
        signal.disconnect(receiver)


@pytest.fixture(scope="module")
def chromium():
    """The system's Chromium, as a browser of Playwright's."""
    with start_chromium() as browser:
        yield browser


@pytest.fixture(autouse=True)
def quick_recovery_codes(monkeypatch):
    """Slow hashes prove nothing here; test_recovery_codes.py has the real work."""
    monkeypatch.setattr(RecoveryCodeHasher, "iterations", 1)
