"""The cache that all processes share. It holds only whether anything was revoked, never who lives.

A key for each session that was revoked lately, and the epoch: a random number that is replaced when
many were revoked at once. A number that is gone, or another one than a process knows, means that
keys may be gone too, or never were.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from functools import cached_property
from threading import local
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.utils.module_loading import import_string

from jwt_sessions.conf import conf, until_settings_change
from jwt_sessions.revocation.window import window_length

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    from django.core.cache.backends.base import BaseCache

logger = logging.getLogger(__name__)

EPOCH: Final = "jwt_sessions:epoch"
# What the key of a revoked session holds.
REVOKED: Final = 1
# More keys than these are not set: a new epoch tells of all at once.
MOST_KEYS: Final = 1_000
# Seconds that a server may take, where OPTIONS of CACHES does not say. The database is asked then,
# which takes less.
PATIENCE: Final = 0.25
# Seconds that a cache which failed is left alone.
PAUSE: Final = 1.0


class CacheFailed(Exception):
    """The cache cannot be asked, or was not because it failed a moment ago."""


class SharedCache:
    """What is asked of the cache that REVOCATION_CACHE names, and told to it."""

    def __init__(self) -> None:
        self._retry_at: float | None = None

    def look(self, sid: UUID) -> tuple[Any, bool]:
        """Return the epoch, or None where there is none, and whether a session has a key.

        One round trip. Raises ``CacheFailed``.
        """
        found: tuple[Any, bool] = self._ask(lambda cache: _look(cache, _key_of(sid)))
        return found

    def read_epoch(self) -> Any:
        """Return the epoch, or begin one where there is none. Raises ``CacheFailed``."""
        return self._ask(_read_epoch)

    def tell(self, sids: Collection[UUID]) -> bool:
        """Tell all processes that these sessions are revoked; more than MOST_KEYS stand for all.

        Return False, and log it, where that failed. They will know it within REVOCATION_MAX_DELAY.
        """
        try:
            cache = find_cache()
            if len(sids) > MOST_KEYS:
                cache.set(EPOCH, _new_epoch(), None)
                return True
            seconds = int(window_length().total_seconds())
            lost = cache.set_many({_key_of(sid): REVOKED for sid in sids}, seconds)
        except Exception:
            logger.exception("the cache could not be told of revoked sessions")
            return False
        if lost:
            logger.error("the cache did not keep %d of %d revoked sessions", len(lost), len(sids))
        return not lost

    def _ask(self, question: Any) -> Any:
        now = monotonic()
        if self._retry_at is not None:
            if now < self._retry_at:
                raise CacheFailed("it failed a moment ago")
            # One finds out whether it is back; the others need not wait for that.
            self._retry_at = now + PAUSE
        try:
            answer = question(find_cache())
        except Exception as error:
            self._retry_at = monotonic() + PAUSE
            logger.warning("the cache of revocations failed; the database is asked", exc_info=True)
            raise CacheFailed from error
        self._retry_at = None
        return answer


class QuickClient(RedisCacheClient):
    """Django's, but for looks, in which each thread has a connection of its own to a server.

    Django makes a client for each question and takes a connection from a pool, which takes three
    times as long as the answer.
    """

    @cached_property
    def _connections(self) -> local:
        return local()

    def get_many(self, keys: Iterable[Any]) -> dict[Any, Any]:
        """Return what a server has of these keys, in one round trip."""
        django: Any = self  # the stubs know little of it
        pool = django._get_connection_pool(write=False)  # noqa: SLF001
        connection = self._take_connection(pool)
        try:
            connection.send_command("MGET", *keys)
            values = connection.read_response()
        except BaseException:
            # Its answer may still come, and must not be taken for that to the next question.
            connection.disconnect()
            raise
        self._connections.__dict__[pool] = connection
        loads = django._serializer.loads  # noqa: SLF001
        pairs = zip(keys, values, strict=True)
        return {key: loads(value) for key, value in pairs if value is not None}

    def _take_connection(self, pool: Any) -> Any:
        """Return the thread's connection, if no answer is left on it to be read; else a new one."""
        connection = self._connections.__dict__.pop(pool, None)
        if connection is not None:
            # Or the server has gone meanwhile, which shows as an error or as something to read.
            with suppress(OSError, self._lib.RedisError):  # type: ignore[attr-defined]  # not in the stubs
                if not connection.can_read():
                    return connection
            connection.disconnect()
        return pool.make_connection()


def find_cache() -> BaseCache:
    """Return Django's cache by the name of REVOCATION_CACHE."""
    return _open_redis() or caches[conf.REVOCATION_CACHE]


@until_settings_change
def _open_redis() -> BaseCache | None:
    """Return a cache of Django's own backend for Redis that waits for nobody; else None.

    One for all threads, which it allows: Django opens one for each.
    """
    params = {**caches.settings[conf.REVOCATION_CACHE]}
    if params.pop("BACKEND") != f"{RedisCache.__module__}.{RedisCache.__qualname__}":
        return None
    # A project without Redis has no package of its.
    retry, backoff = import_string("redis.retry.Retry"), import_string("redis.backoff.NoBackoff")
    patience = {
        "socket_timeout": PATIENCE,
        "socket_connect_timeout": PATIENCE,
        "retry": retry(backoff(), 0),
    }
    params["OPTIONS"] = {**patience, **params.get("OPTIONS", {})}
    cache = RedisCache(params.pop("LOCATION", ""), params)
    cache._class = QuickClient  # type: ignore[attr-defined]  # noqa: SLF001 - it has no other way to be told
    return cache


def _look(cache: BaseCache, key: str) -> tuple[Any, bool]:
    found = cache.get_many((EPOCH, key))
    # Something that is no cache of ours, and answers all the same, must not refuse anybody.
    if found.get(key, REVOKED) != REVOKED:
        raise CacheFailed("it talks nonsense")
    return found.get(EPOCH), key in found


def _read_epoch(cache: BaseCache) -> Any:
    epoch = cache.get(EPOCH)
    if epoch is None:
        # Others may begin one at this moment: the first one counts.
        cache.add(EPOCH, _new_epoch(), None)
        epoch = cache.get(EPOCH)
    if epoch is None:
        raise CacheFailed("it keeps nothing")
    return epoch


def _key_of(sid: UUID) -> str:
    return f"jwt_sessions:revoked:{sid.hex}"


def _new_epoch() -> int:
    return secrets.randbits(63)
