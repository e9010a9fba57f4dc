"""A site with REVOCATION_CHECK "cached": its cache, its processes, and the time they go by."""

from __future__ import annotations

from contextlib import contextmanager
from typing import NamedTuple
from unittest import mock
from uuid import UUID

from django.core.cache import caches

from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.revocation import cached, shared_cache
from tests.old_sessions import statements

DELAY = 5  # seconds: REVOCATION_MAX_DELAY
LIFETIME = 300  # of an access token
WINDOW = LIFETIME + 10 + 120
UNTOUCHED = "/untouched/"


class Answer(NamedTuple):
    """What a request came to, and how many queries it took."""

    status: int
    queries: int


class Process:
    """One of the processes of the site, by what it knows."""

    def __init__(self):
        self.check = cached.CachedCheck()

    def ask(self, device, path=UNTOUCHED):
        """Serve a request by whole HTTP."""
        with self.at_work(), statements() as sent:
            status = device.get(path).status_code
        return Answer(status, len(sent))

    @contextmanager
    def at_work(self):
        """Be the process that is this one."""
        with mock.patch.object(cached, "this_process", return_value=self.check):
            yield

    @property
    def knows(self):
        """The ids that it knows, or None."""
        known = self.check.knowledge
        if known is None or known.ids is None:
            return None
        size = len(known.ids)
        return [UUID(bytes=bytes(known.ids[at : at + 16])) for at in range(0, size, 16)]


class Store:
    """The Redis of the site, as the cache "revocations"."""

    def __init__(self, server):
        from redis import Redis

        self.client = Redis(port=server.port)

    @property
    def cache(self):
        return caches["revocations"]

    @property
    def epoch(self):
        return self.cache.get(shared_cache.EPOCH)

    def name_of(self, sid):
        return self.cache.make_key(shared_cache._key_of(UUID(str(sid))))

    def has(self, sid):
        return bool(self.client.exists(self.name_of(sid)))

    def seconds_left(self, sid):
        return self.client.ttl(self.name_of(sid))

    def count_keys(self):
        return sum(b"revoked" in name for name in self.client.scan_iter())

    def forget(self, sid):
        """Evict a key, as a cache may."""
        assert self.client.delete(self.name_of(sid)) == 1

    @contextmanager
    def full(self):
        """Take no writes for a while; reads are answered as ever."""
        self.client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            self.client.config_set("maxmemory", 0)

    @contextmanager
    def commands(self):
        """Collect how often each command is sent."""
        self.client.config_resetstat()
        counts = {}
        yield counts
        for name, facts in self.client.info("commandstats").items():
            counts[name.removeprefix("cmdstat_")] = facts["calls"]
        counts.pop("config|resetstat", None)


class Monotonic:
    """The monotonic clock of all processes, which stands still until it is shifted."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now

    def shift(self, seconds):
        self.now += seconds


def revoke_untold(*devices, at=None):
    """Revoke sessions as a process does that dies right after its commit."""
    rows = Session.objects.filter(pk__in=[device.sid for device in devices])
    assert rows.revoke(reason=RevokedReason.SIGNED_OUT, at=at) == len(devices)


def revoke_now(device):
    from jwt_sessions import sessions

    assert sessions.revoke(UUID(device.sid), reason=RevokedReason.SIGNED_OUT)


def revoke_everything_of(user):
    from jwt_sessions import sessions

    return sessions.revoke_all(user, reason=RevokedReason.SIGNED_OUT)


def later(act, *arguments):
    """Run something in a thread of its own, which closes its connections; return its result."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    def run():
        try:
            return act(*arguments)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(60)
