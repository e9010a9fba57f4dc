"""P1: what one worker of gunicorn was told, all the others know at the next request."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from contextlib import contextmanager

import pytest
import redis
from django.db import connection

from tests.people import claims_of
from tests.servers import PostgreSQLServer, RedisServer, free_port
from tests.site_on_servers import (
    Caller,
    found,
    gunicorn,
    meet_workers,
    on_postgresql,
    prepare,
    run,
    site,
    username,
    wait_until,
)

pytestmark = [
    pytest.mark.proves("P1", "V1"),
    pytest.mark.races,
    pytest.mark.xdist_group("races"),
]

WORKERS = 4
# In seconds. So long that what they find is never by time alone.
MAX_DELAY = 60


@pytest.fixture(autouse=True)
def clock():
    """The real one, as in the processes that are asked."""


@contextmanager
def database_of_its_own():
    """Where the site's tables are: on the server of this run, or on one that is made for it."""
    if connection.vendor == "sqlite":
        with tempfile.TemporaryDirectory(prefix="jwt_sessions_postgresql_") as folder:
            server = PostgreSQLServer(folder)
            try:
                yield on_postgresql("127.0.0.1", server.port)
            finally:
                server.stop()
        return
    name = f"jwt_sessions_site_{os.getpid()}"
    say(f"CREATE DATABASE {name}")
    try:
        yield {"TEST_DATABASE_NAME": name}
    finally:
        say(f"DROP DATABASE {name}")


def say(statement):
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(scope="module")
def environment(django_db_blocker):
    with django_db_blocker.unblock(), database_of_its_own() as database:
        cache = RedisServer()
        try:
            redis = cache.caches["default"]["LOCATION"]
            environment = site(database, redis, SITE_MAX_DELAY=str(MAX_DELAY))
            prepare(environment, "alice", "bob", "carol")
            yield environment
        finally:
            cache.kill()


@pytest.fixture(scope="module", params=["each by itself", "preloaded"])
def address(environment, request):
    """Where four workers are; forked from a process that has used the check, or not."""
    address, options, application = ("127.0.0.1", free_port()), ["--workers", str(WORKERS)], {}
    if request.param == "preloaded":
        options, application = [*options, "--preload"], {"application": "used_before"}
    with gunicorn(environment, address, *options, **application):
        yield address


@pytest.fixture
def workers(address):
    """A caller at each worker."""
    met = meet_workers(address, WORKERS)
    yield met
    for caller in met.values():
        caller.http.close()


def everywhere(workers, access):
    return found(workers.values(), [access])


def sign_in(workers, name):
    """Sign in at one worker, and see that all of them let the token in."""
    access = next(iter(workers.values())).sign_in(name)
    assert everywhere(workers, access) == [200] * WORKERS
    return access


def test_p1_a_sign_out_at_one_worker_counts_at_each_other_at_the_next_request(workers):
    for here in workers:
        lost, kept = sign_in(workers, "alice"), sign_in(workers, "alice")
        workers[here].sign_out(lost)
        others = [caller for worker, caller in workers.items() if worker != here]
        assert [caller.who(lost).status for caller in others] == [401] * (WORKERS - 1)
        assert everywhere(workers, lost) == [401] * WORKERS
        assert everywhere(workers, kept) == [200] * WORKERS


MANY = """
import django
django.setup()
from django.contrib.auth import get_user_model
from tests.many_sessions import begin
begin(get_user_model()._default_manager.get_by_natural_key({name!r}), number=1_100)
"""


def test_p1_a_bulk_revocation_by_the_command_counts_at_each_worker_once_it_has_ended(
    environment, workers
):
    lost, kept = sign_in(workers, "carol"), sign_in(workers, "bob")
    carol = username("carol")
    run(environment, "-c", MANY.format(name=carol))
    command = ["manage.py", "revokesessions", "--user", carol, "--reason", "device_lost", "--yes"]
    told = run(environment, *command)
    assert everywhere(workers, lost) == [401] * WORKERS
    assert everywhere(workers, kept) == [200] * WORKERS
    assert int(told.rsplit(" sessions revoked", 1)[0].rsplit(" ", 1)[1].replace(",", "")) > 1_100


def test_p1_a_worker_that_takes_the_place_of_a_killed_one_knows_it_too(address, workers):
    lost, kept = sign_in(workers, "alice"), sign_in(workers, "alice")
    workers[next(iter(workers))].sign_out(lost)
    killed, caller = workers.popitem()
    os.kill(killed, signal.SIGKILL)
    caller.http.close()
    for worker, successor in meet_workers(address, 1, known={killed, *workers}).items():
        workers[worker] = successor
    assert everywhere(workers, lost) == [401] * WORKERS
    assert everywhere(workers, kept) == [200] * WORKERS


@pytest.mark.proves("P12")
def test_p12_workers_that_know_the_window_ask_the_database_for_nothing(workers):
    access = sign_in(workers, "alice")
    answers = [caller.who(access) for _ in range(100) for caller in workers.values()]
    assert {answer.status for answer in answers} == {200}
    assert sum(answer.statements for answer in answers) == 0


@contextmanager
def served_once_more(environment, **variables):
    """The site with one more worker, under other settings; yield somebody who calls there."""
    address = ("127.0.0.1", free_port())
    # On one connection to the database, which takes statements of its own to be opened.
    server = gunicorn({**environment, **variables}, address, "--threads", "1")
    with server, Caller(address) as caller:
        yield caller


@pytest.mark.proves("P12")
def test_p12_the_window_is_read_once_in_half_of_the_delay(environment):
    delay = 4
    with served_once_more(environment, SITE_MAX_DELAY=str(delay)) as caller:
        access = caller.sign_in("alice")
        first = caller.who(access)
        again = wait_until(lambda: is_by_statement(caller.who(access)), "it is never read again")
        assert [caller.who(access).statements for _ in range(20)] == [0] * 20
    assert (first.statements, again.statements) == (1, 1)
    assert again.answered_at - first.answered_at > 0.4 * delay


def is_by_statement(answer):
    return answer if answer.statements else None


def flush_cache(environment):
    with redis.Redis.from_url(environment["SITE_REDIS"]) as cache:
        cache.flushall()


@pytest.mark.proves("V8")
@pytest.mark.parametrize("ahead", ["60", "-60"])
def test_p1_sites_whose_clocks_differ_by_a_minute_agree_on_who_is_revoked(environment, ahead):
    # So that they take tokens that the other one mints in their future.
    patient = {"SITE_LEEWAY": "90"}
    with (
        served_once_more(environment, **patient) as a,
        served_once_more(environment, **patient, SITE_CLOCK_AHEAD=ahead) as b,
    ):
        callers, tokens = (a, b), (a.sign_in("alice"), b.sign_in("alice"), a.sign_in("alice"))
        assert found(callers, tokens) == [200] * 6
        a.sign_out(tokens[0])
        b.sign_out(tokens[1])
        assert found(callers, tokens) == [401, 401, 200] * 2
        flush_cache(environment)
        assert found(callers, tokens) == [401, 401, 200] * 2


REVOKE = """
import django
django.setup()
from uuid import UUID
from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
sessions.revoke(UUID({sid!r}), reason=RevokedReason.REVOKED_BY_STAFF)
"""


@pytest.mark.proves("V8")
def test_p1_a_revocation_by_a_slow_clock_is_found_however_short_tokens_live(environment):
    """It lies further in the past than a token lives, and no key tells of it any more."""
    short = {"SITE_TOKEN_LIFETIME": "30"}
    with served_once_more(environment, **short) as a:
        lost, kept = a.sign_in("alice"), a.sign_in("alice")
        slow = {**environment, **short, "SITE_CLOCK_AHEAD": "-60"}
        run(slow, "-c", REVOKE.format(sid=claims_of(lost)["sid"]))
        flush_cache(environment)
        assert found([a], [lost, kept]) == [401, 200]


@pytest.mark.once
@pytest.mark.proves("P12")
def test_a_process_keeps_twenty_bytes_at_most_of_each_revoked_session(tmp_path):
    number, database = 200_000, {"TEST_DATABASE_NAME": str(tmp_path / "db.sqlite3")}
    environment = {**os.environ, **database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    environment["TEST_REVOCATION_CHECK"] = "cached"
    told = json.loads(run(environment, "-m", "tests.cached_site.memory", str(number)))
    assert told["is_complete"]
    assert 16 * number <= told["kept"] <= 20 * number
    # Where there are too many, all that is kept is that the database has to be asked.
    assert told["kept_of_too_many"] < 50_000
    assert told["knows"] is None
