"""P1, P8: two hosts serve a site, and one loses its way to the database, the cache, or both."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, suppress
from http.client import HTTPException
from typing import NamedTuple

import pytest
from django.db import connection

from tests.network import Host, need_namespaces
from tests.servers import PostgreSQLServer, RedisServer
from tests.site_on_servers import (
    Caller,
    found,
    gunicorn,
    on_postgresql,
    prepare,
    site,
    wait_until,
)
from tests.watching import SOON, Watch

pytestmark = [
    pytest.mark.proves("P1", "P8", "V1", "V8"),
    pytest.mark.once,
    pytest.mark.races,
    # With those in Chromium, which drops what it loads when a network interface comes or goes.
    pytest.mark.xdist_group("browser"),
]

MAX_DELAY = 2  # seconds


@pytest.fixture(autouse=True)
def clock():
    """The real one: this is about time that passes."""


class Place(NamedTuple):
    """A host, with what a process on it is told, and where callers find the site."""

    host: Host
    environment: dict
    address: tuple

    @property
    def elsewhere(self):
        """Where the site is served once more, under other settings."""
        return (self.address[0], 8_001)

    def serve(self, **variables):
        address = self.elsewhere if variables else self.address
        options = ["--workers", "1", "--threads", "8"]
        environment = {**self.environment, **variables}
        return gunicorn(environment, address, *options, apart=self.host.apart)


@pytest.fixture(scope="module")
def places():
    """Two hosts, A and B, and their servers."""
    if connection.vendor != "sqlite":
        pytest.skip("it has a PostgreSQL of its own, and runs once")
    with ExitStack() as stack:
        program, hosts = need_namespaces(), []
        for name in "ab":
            hosts.append(Host(name, program))
            stack.callback(hosts[-1].remove)
        cache = RedisServer(addresses=[host.to_cache.here for host in hosts])
        stack.callback(cache.kill)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="jwt_sessions_postgresql_"))
        database = PostgreSQLServer(folder, *[host.to_database.here for host in hosts])
        stack.callback(database.stop)
        yield [place_of(host, database, cache) for host in hosts]


def place_of(host, database, cache):
    there = on_postgresql(host.to_database.here, database.port)
    redis = f"redis://{host.to_cache.here}:{cache.port}"
    environment = site(there, redis, SITE_MAX_DELAY=str(MAX_DELAY))
    return Place(host, environment, (host.to_callers.there, 8_000))


@pytest.fixture(scope="module")
def served(places):
    """The same, and the site is served at both."""
    prepare(places[0].environment, "alice")
    with places[0].serve(), places[1].serve():
        yield places


@pytest.fixture
def hosts(served):
    """Both hosts, all cables of which are plugged in again afterwards."""
    yield [place.host for place in served]
    for place in served:
        for cable in place.host.cables:
            cable.plug_in()
        wait_until(lambda place=place: is_up(place.address), "a host does not come back")


def is_up(address):
    with suppress(OSError, HTTPException), Caller(address, timeout=SOON) as caller:
        return caller.sign_in("alice")


@pytest.fixture
def a(served, hosts):
    with Caller(served[0].address) as caller:
        yield caller


@pytest.fixture
def b(served, hosts):
    with Caller(served[1].address) as caller:
        yield caller


@pytest.fixture
def tokens(a, b):
    """Two sessions of Alice's that both hosts let in; the first is to be revoked."""
    tokens = a.sign_in("alice"), b.sign_in("alice")
    assert found((a, b), tokens) == [200] * 4
    return tokens


@pytest.fixture
def watch(served, tokens):
    watch = Watch(served[1].address, *tokens)
    yield watch
    watch.stop()


def revoke(caller, token):
    """Sign out, and return when that was answered."""
    caller.sign_out(token)
    return time.monotonic()


def test_p1_a_sign_out_at_one_host_counts_at_the_other_at_the_next_request(a, b, tokens):
    lost, kept = tokens
    a.sign_out(lost)
    assert (b.who(lost).status, b.who(kept).status) == (401, 200)
    b.sign_out(kept)
    assert a.who(kept).status == 401


def test_p8_a_host_that_is_cut_off_lets_nobody_in_for_longer_than_the_delay(
    a, hosts, tokens, watch
):
    hosts[1].to_database.pull_out()
    hosts[1].to_cache.pull_out()
    cut = time.monotonic()
    revoked = revoke(a, tokens[0])
    assert watch.wait_for_answers(watch.kept, cut + MAX_DELAY) == {503}
    mended = time.monotonic()
    hosts[1].to_database.plug_in()
    hosts[1].to_cache.plug_in()
    watch.wait_until_all_is_well()
    watch.stop()
    assert watch.accepted(after=revoked + MAX_DELAY, before=mended) == []
    assert 200 not in watch.found(watch.lost, revoked + MAX_DELAY)
    assert watch.found(watch.kept) <= {200, 503}


def test_p1_the_delay_holds_where_nobody_is_told_and_the_database_is_away(a, hosts, tokens, watch):
    """The worst of all: host A cannot tell the cache, and host B cannot ask the database."""
    hosts[0].to_cache.pull_out()
    hosts[1].to_database.pull_out()
    revoked = revoke(a, tokens[0])
    # That it knows too little is found by time alone.
    assert watch.wait_for_answers(watch.kept, revoked + MAX_DELAY) == {503}
    mended = time.monotonic()
    hosts[1].to_database.plug_in()
    watch.wait_until_all_is_well()
    watch.stop()
    # Nor somebody whose request had begun before, and waited for the database.
    assert watch.accepted(after=revoked + MAX_DELAY, before=mended) == []
    assert 200 not in watch.found(watch.lost, revoked + MAX_DELAY)
    assert watch.found(watch.kept) == {200, 503}


def test_p1_a_host_without_its_database_still_learns_from_the_cache(served, hosts, a, tokens):
    with served[1].serve(SITE_MAX_DELAY="60"), Caller(served[1].elsewhere) as b:
        assert found([b], tokens) == [200, 200]
        hosts[1].to_database.pull_out()
        assert found([b], tokens) == [200, 200]
        a.sign_out(tokens[0])
        assert found([b], tokens) == [401, 200]


def test_p1_a_host_without_its_cache_goes_on_by_the_database(a, hosts, tokens, watch):
    hosts[1].to_cache.pull_out()
    revoked = revoke(a, tokens[0])
    time.sleep(MAX_DELAY)
    hosts[1].to_cache.plug_in()
    time.sleep(MAX_DELAY)
    watch.stop()
    assert watch.found(watch.kept) == {200}
    assert watch.found(watch.lost, revoked) == {401}
    assert max(answer.answered_at - answer.began for answer in watch.kept[0].answers) < MAX_DELAY
