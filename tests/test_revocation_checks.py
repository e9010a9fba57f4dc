"""P11: a cached check of revocations that cannot serve is refused, or said to be poor."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from tests.checking import problems

pytestmark = pytest.mark.proves("P11")

BACKENDS = "django.core.cache.backends"
REDIS = {"BACKEND": f"{BACKENDS}.redis.RedisCache", "LOCATION": "redis://127.0.0.1:6379"}


@pytest.fixture
def choose(settings, set_jwt):
    """Let a site have the cached check with one cache."""

    def set_all(cache, *, name="default", **values):
        settings.CACHES = {"default": {"BACKEND": f"{BACKENDS}.dummy.DummyCache"}, name: cache}
        set_jwt(REVOCATION_CHECK="cached", REVOCATION_CACHE=name, **values)

    return set_all


def test_redis_can_serve(choose):
    choose(REDIS)
    assert problems() == {}


def test_it_need_not_be_the_default_cache(choose):
    choose(REDIS, name="revocations", REVOCATION_MAX_DELAY=timedelta(seconds=2))
    assert problems() == {}


@pytest.mark.django_db(databases="__all__")  # which Django 6.1 asks, too
@pytest.mark.parametrize("word", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_p11_a_cache_of_one_process_is_refused_unless_told_otherwise(choose, settings, word):
    choose({"BACKEND": f"{BACKENDS}.{word}"})
    assert "one process" in problems()["jwt_sessions.E030"].hint
    settings.SILENCED_SYSTEM_CHECKS = []
    with pytest.raises(SystemCheckError, match=r"jwt_sessions\.E030"):
        call_command("check")
    settings.SILENCED_SYSTEM_CHECKS = ["jwt_sessions.E030"]
    call_command("check")


@pytest.mark.parametrize("word", ["db.DatabaseCache", "filebased.FileBasedCache"])
def test_a_cache_that_helps_little_is_said_to(choose, tmp_path, word):
    choose({"BACKEND": f"{BACKENDS}.{word}", "LOCATION": str(tmp_path)})
    assert set(problems()) == {"jwt_sessions.W018"}


def test_p11_a_cache_that_is_not_there_is_named(set_jwt):
    set_jwt(REVOCATION_CHECK="cached", REVOCATION_CACHE="elsewhere")
    assert "'elsewhere'" in problems()["jwt_sessions.E029"].msg


def test_p11_a_cache_whose_package_is_not_installed_is_named(choose):
    choose({"BACKEND": f"{BACKENDS}.memcached.PyLibMCCache", "LOCATION": "127.0.0.1:11211"})
    assert "pylibmc" in problems()["jwt_sessions.E029"].msg


@pytest.mark.parametrize("option", ["socket_timeout", "socket_connect_timeout"])
@pytest.mark.parametrize(("wait", "is_fine"), [(None, False), (5, False), (1, True), (0.1, True)])
def test_a_server_that_is_waited_for_is_told_of(choose, option, wait, is_fine):
    choose({**REDIS, "OPTIONS": {option: wait}})
    found = problems()
    assert found == {} if is_fine else option in found["jwt_sessions.W018"].msg


@pytest.mark.parametrize("value", ["cache", "", True, None])
def test_p11_another_check_is_none(set_jwt, value):
    set_jwt(REVOCATION_CHECK=value)
    assert "database, cached" in problems()["jwt_sessions.E003"].hint


@pytest.mark.parametrize(
    "value", [5, None, timedelta(0), timedelta(milliseconds=1), timedelta(minutes=6)]
)
def test_p11_the_delay_is_a_short_duration(choose, value):
    choose(REDIS, REVOCATION_MAX_DELAY=value)
    assert "REVOCATION_MAX_DELAY" in problems()["jwt_sessions.E002"].msg


@pytest.mark.parametrize(
    "values", [{"REVOCATION_CACHE": "default"}, {"REVOCATION_MAX_DELAY": timedelta(seconds=2)}]
)
def test_what_has_no_effect_is_named(set_jwt, values):
    set_jwt(REVOCATION_CHECK="database", **values)
    (name,) = values
    assert name in problems()["jwt_sessions.W019"].msg


@pytest.mark.parametrize(
    ("options", "is_fine"),
    [
        ({}, True),
        ({"isolation_level": "read committed"}, True),
        ({"isolation_level": "repeatable read"}, False),
    ],
)
def test_transactions_that_see_nothing_new_are_told_of(choose, monkeypatch, options, is_fine):
    choose(REDIS)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    is_fine = is_fine and connection.vendor != "sqlite"
    assert set(problems()) == (set() if is_fine else {"jwt_sessions.W020"})
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", False)
    assert problems() == {}


def test_isolation_as_postgresql_names_it(choose, monkeypatch):
    psycopg = pytest.importorskip("psycopg")
    choose(REDIS)
    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    levels = psycopg.IsolationLevel
    for level in (levels.READ_COMMITTED, levels.REPEATABLE_READ):
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"isolation_level": level})
        expected = set() if level == levels.READ_COMMITTED else {"jwt_sessions.W020"}
        assert set(problems()) == expected
