"""A site with REVOCATION_CHECK "cached". Test modules name this in ``pytest_plugins``."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jwt_sessions.revocation import cached, shared_cache
from jwt_sessions.revocation.window import read_window
from tests.cached import DELAY, Monotonic, Process, Store
from tests.servers import RedisServer


@pytest.fixture(scope="module")
def shared_redis():
    server = RedisServer()
    yield server
    server.kill()


@pytest.fixture
def store(shared_redis, settings, set_jwt):
    """Let the site be in cached mode, on a Redis with nothing in it."""
    redis = shared_redis.caches["default"]
    settings.CACHES = {**settings.CACHES, "revocations": redis}
    settings.ROOT_URLCONF = "tests.cached_urls"
    set_jwt(
        REVOCATION_CHECK="cached",
        REVOCATION_CACHE="revocations",
        REVOCATION_MAX_DELAY=timedelta(seconds=DELAY),
        THROTTLE_RATES=None,
    )
    store = Store(shared_redis)
    store.client.flushall()
    yield store
    store.client.close()


@pytest.fixture
def monotonic(monkeypatch):
    clock = Monotonic()
    for module in (cached, shared_cache):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def other(store, monotonic):
    """Another process than the one that revokes."""
    return Process()


@pytest.fixture
def reads(monkeypatch):
    """Note each time that the window is read."""
    times = []

    def read():
        times.append(cached.monotonic())
        return read_window()

    monkeypatch.setattr(cached, "read_window", read)
    return times


@pytest.fixture
def around_read(monkeypatch):
    """Let something happen just before or after the window's rows are read, once."""

    def arrange(*, before=lambda: None, after=lambda: None):
        def read():
            monkeypatch.setattr(cached, "read_window", read_window)
            before()
            ids = read_window()
            after()
            return ids

        monkeypatch.setattr(cached, "read_window", read)

    return arrange


@pytest.fixture
def few_keys(monkeypatch):
    """Let a new epoch tell of two sessions, as of thousands."""
    for module in (cached, shared_cache):
        monkeypatch.setattr(module, "MOST_KEYS", 1)
