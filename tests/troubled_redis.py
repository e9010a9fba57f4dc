"""A Redis that misbehaves, in each way a cache of revocations can."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from django.db import connection
from django.test.utils import CaptureQueriesContext

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from jwt_sessions.revocation import cached, shared_cache
from tests.servers import Line, RedisServer

EPOCH, REVOKED = "*:jwt_sessions:epoch", "*:jwt_sessions:revoked:*"


NONSENSE = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "noise": bytes(range(255, 127, -1)) * 8,
    "always yes": b"+OK\r\n",
    "always one": b":1\r\n",
    "always nothing": b"$-1\r\n",
    "lists of others": b"*2\r\n$1\r\n8\r\n$1\r\n9\r\n",
    "too short a list": b"*0\r\n",
    "half an answer": b"*2\r\n$5\r\n12",
    "silence": b"",
}


class TroubledRedis(RedisServer):
    """A Redis for one site alone, which talks to it directly or over a line."""

    def __init__(self, folder):
        super().__init__("--dir", str(folder))
        self.folder = folder
        self.line = Line("127.0.0.1", self.port)
        self.nonsense = None

    def start(self):
        super().start()
        # Who the site is may change; who disturbs it may do everything.
        self.run_as_default("ACL", "SETUSER", "operator", "on", ">secret", "~*", "&*", "+@all")

    def run_as_default(self, *command):
        return super().say(*command)

    def say(self, *command):
        from redis import Redis

        operator = {"username": "operator", "password": "secret"}
        with Redis(port=self.port, socket_timeout=10, **operator) as client:
            return client.execute_command(*command)

    def evict(self, pattern):
        for key in self.say("KEYS", pattern):
            self.say("DEL", key)

    def restart(self):
        self.kill()
        self.start()

    def restart_empty(self):
        Path(self.folder, "dump.rdb").unlink(missing_ok=True)
        self.restart()

    def fill(self):
        """Let it take no more: there is no room, and nothing is evicted."""
        self.say("CONFIG", "SET", "maxmemory", "1")

    def empty(self):
        self.say("CONFIG", "SET", "maxmemory", "0")

    def crowd_out(self, pattern):
        """Write what is none of ours, until the server has made room by evicting our key."""
        used = self.say("INFO", "memory")["used_memory"]
        self.say("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        self.say("CONFIG", "SET", "maxmemory", str(used + 500_000))
        for number in range(100_000):
            self.say("SET", f"other:{number}", "x" * 20_000)
            if not self.say("KEYS", pattern):
                return
        raise AssertionError("it was never evicted")

    def allow(self, *rules):
        """Change what the site may do, which takes effect at once."""
        self.say("ACL", "SETUSER", "default", *rules)
        self.say("CLIENT", "KILL", "USER", "default")

    def talk_nonsense(self, answer):
        self.kill()
        self.nonsense = Nonsense(self.port, answer)

    def talk_sense(self):
        self.nonsense.close()
        self.start()

    def close(self):
        self.line.cut()
        if self.nonsense:
            self.nonsense.close()
        self.kill()


class Nonsense:
    """Whoever it is that has the port now: it answers everything alike, and is no Redis."""

    def __init__(self, port, answer):
        self.answer, self.calls, self.ends = answer, 0, []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=100)
        self.thread = Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        with suppress(OSError):
            while True:
                end, _ = self.listener.accept()
                self.calls += 1
                self.ends.append(end)
                Thread(target=self._answer, args=(end,), daemon=True).start()

    def _answer(self, end):
        with suppress(OSError):
            while end.recv(65_536):
                end.sendall(self.answer)

    def close(self):
        for end in [self.listener, *self.ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.thread.join()


class Trouble(NamedTuple):
    """How it begins, and how it ends where it does not by itself; what it can hide.

    `fails`: whoever asks the cache learns that it does not work. `mutes`: a revocation cannot be
    told. `forgets`: one that was told is not known to the cache any more, and nobody can see that.
    """

    begin: object
    end: object = lambda redis: None
    fails: bool = False
    mutes: bool = False
    forgets: bool = False
    by_line: bool = False

    def of(self, redis):
        """The trouble of one Redis: ``trouble.begin()``, ``trouble.end()``."""
        return self._replace(begin=partial(self.begin, redis), end=partial(self.end, redis))


TROUBLES = {
    "killed": Trouble(TroubledRedis.kill, TroubledRedis.start, fails=True),
    "hanging": Trouble(TroubledRedis.pause, TroubledRedis.go_on, fails=True),
    "cut off": Trouble(
        lambda redis: redis.line.cut(), lambda redis: redis.line.mend(), fails=True, by_line=True
    ),
    "asking for a password": Trouble(
        lambda redis: redis.allow("resetpass", ">other"),
        lambda redis: redis.allow("nopass"),
        fails=True,
    ),
    "allowing nothing": Trouble(
        lambda redis: redis.allow("-@all"), lambda redis: redis.allow("+@all"), fails=True
    ),
    "talking nonsense": Trouble(
        lambda redis: redis.talk_nonsense(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        TroubledRedis.talk_sense,
        fails=True,
    ),
    "full": Trouble(TroubledRedis.fill, TroubledRedis.empty, mutes=True),
    "allowing no writes": Trouble(
        lambda redis: redis.allow("-@write"), lambda redis: redis.allow("+@all"), mutes=True
    ),
    "flushed": Trouble(lambda redis: redis.say("FLUSHALL")),
    "restarted empty": Trouble(TroubledRedis.restart_empty),
    "without its epoch": Trouble(lambda redis: redis.evict(EPOCH)),
    "without its keys": Trouble(lambda redis: redis.evict(REVOKED), forgets=True),
    "restarted from a snapshot": Trouble(TroubledRedis.restart, forgets=True),
}
FAILING = [name for name, trouble in TROUBLES.items() if trouble.fails]
UNHEARD = [name for name, trouble in TROUBLES.items() if trouble.fails or trouble.mutes]


class Watch:
    """What the process's monotonic clock says: it stands still until it is shifted."""

    def __init__(self, monkeypatch, clock):
        self.now, self.clock = 1_000.0, clock
        for module in (cached, shared_cache):
            monkeypatch.setattr(module, "monotonic", lambda: self.now)

    def shift(self, seconds):
        self.now += seconds
        self.clock.shift(seconds)


class OtherProcess:
    """Another process of the site, with its own knowledge: ``other.do(act, ...)``."""

    def __init__(self, monkeypatch):
        self.monkeypatch, self.process = monkeypatch, cached.CachedCheck()

    def do(self, act, *arguments, **options):
        with self.monkeypatch.context() as patched:
            patched.setattr(cached, "this_process", lambda: self.process)
            return act(*arguments, **options)


def settings_of(port, *, delay):
    """The settings of a site that asks the Redis at that port, and counts its limits elsewhere."""
    from django.conf import settings

    return {
        "CACHES": {**settings.CACHES, "revocations": RedisServer.caches_at(port)["default"]},
        "ROOT_URLCONF": "tests.troubled_urls",
        "JWT_SESSIONS": {
            **settings.JWT_SESSIONS,
            "REVOCATION_CHECK": "cached",
            "REVOCATION_CACHE": "revocations",
            "REVOCATION_MAX_DELAY": timedelta(seconds=delay),
        },
    }


def cost_of(act):
    """Return the status of the answer, and how many queries it took."""
    with CaptureQueriesContext(connection) as queries:
        status = act().status_code
    return status, len(queries)


def revoke(device):
    assert sessions.revoke(device.session.pk, reason=RevokedReason.SIGNED_OUT)
