"""The check of ``REVOCATION_CHECK = "cached"``: one look into a cache instead of a query.

The database is the truth, and the whole window is read from it anew before what is known is as old
as REVOCATION_MAX_DELAY. The cache only makes it quicker: by it a process learns at once that there
is more to know. So a cache that forgets, fails or lies in that something was revoked costs time,
and one that knows nothing costs REVOCATION_MAX_DELAY, never more.
"""

from __future__ import annotations

import logging
from itertools import islice
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError, InterfaceError, connections

from jwt_sessions.conf import CACHED, conf, until_settings_change
from jwt_sessions.models import session_alias
from jwt_sessions.revocation.shared_cache import MOST_KEYS, CacheFailed, SharedCache
from jwt_sessions.revocation.snapshots import (
    Announcement,
    has_untold_revocations,
    sees_what_is_committed,
)
from jwt_sessions.revocation.window import Knowledge, read_window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

logger = logging.getLogger(__name__)

# Of the time that a process has, this share at most goes into reading the window: where a million
# sessions were just revoked, that takes seconds.
LARGEST_SHARE: Final = 0.25
# Seconds until the window is read again after that failed, and after there was too much of it.
PAUSE: Final = 1.0
PAUSE_WHEN_FULL: Final = 60.0


class CachedCheck:
    """What one process knows of revoked sessions, and how it keeps up."""

    def __init__(self) -> None:
        self.cache = SharedCache()
        # Swapped by one assignment, and never changed.
        self.knowledge: Knowledge | None = None
        self._reading = Lock()
        self._not_before = 0.0
        # What was read up to this moment lacks something that nobody was told of.
        self._lacking_until = 0.0

    def is_revoked(self, sid: UUID) -> bool | None:
        """Return whether a session is revoked; None: that is for the database to say."""
        if has_untold_revocations(connections[session_alias()]):
            return None
        known = self._current()
        if known is None or known.ids is None:
            return None
        try:
            epoch, has_key = self.cache.look(sid)
        except CacheFailed:
            return None
        if has_key:
            return True
        if epoch is None or epoch != known.epoch:
            known = self._known_by(epoch)
            if known is None or known.ids is None:
                return None
        if known.has(sid):
            return True
        # To ask the cache, or to fail to read anew, may have taken longer than it was good.
        return False if self._is_good(known) else None

    def tell(self, sids: Collection[UUID]) -> None:
        """Tell the other processes that these sessions are revoked."""
        if not self.cache.tell(sids):
            # The others learn of it in time; whoever asks here need not wait for that. Another
            # thread may be about to put down what it has read before.
            self._lacking_until = monotonic()

    def _current(self) -> Knowledge | None:
        """Return what is known, if it is good; read it anew in time."""
        known = self.knowledge
        if known is None or not self._is_good(known):
            return self._read()
        # Before it is too old: so nobody has to ask the database while one reads.
        return (self._read() or known) if _age_of(known) > _longest_age() / 2 else known

    def _is_good(self, known: Knowledge) -> bool:
        return known.read_at > self._lacking_until and _age_of(known) <= _longest_age()

    def _known_by(self, epoch: Any) -> Knowledge | None:
        """Return what is known now that the cache says `epoch`; None: nothing, for the moment."""
        known = self.knowledge
        # Another thread may have read the window in the meantime.
        return known if known is not None and known.epoch == epoch else self._read()

    def _read(self) -> Knowledge | None:
        """Read the window, if nobody else does and it may be done now."""
        if monotonic() < self._not_before or not self._reading.acquire(blocking=False):
            return None
        try:
            began = monotonic()
            known = self._read_in_order(began)
            if known is not None:
                self.knowledge = known
            self._pause(began, is_full=known is not None and known.ids is None)
        except CacheFailed:
            return None
        except (DatabaseError, InterfaceError):
            logger.exception("the revoked sessions cannot be read")
            self._not_before = monotonic() + PAUSE
            return None
        finally:
            self._reading.release()
        return known

    def _read_in_order(self, began: float) -> Knowledge | None:
        # Before the rows: what is committed after them changes it again, or sets a key.
        epoch = self.cache.read_epoch()
        if not sees_what_is_committed(connections[session_alias()]):
            return None
        ids = read_window()
        if ids is None:
            logger.error("too many sessions were revoked lately; the database is asked for each")
        return Knowledge(epoch, began, ids)

    def _pause(self, began: float, *, is_full: bool) -> None:
        now = monotonic()
        pause = PAUSE_WHEN_FULL if is_full else (now - began) * (1 / LARGEST_SHARE - 1)
        self._not_before = now + pause


def _age_of(known: Knowledge) -> float:
    return monotonic() - known.read_at


def _longest_age() -> float:
    return conf.REVOCATION_MAX_DELAY.total_seconds()


@until_settings_change
def this_process() -> CachedCheck:
    """Return what this process knows. One that is forked off knows nothing."""
    return CachedCheck()


def is_revoked(sid: UUID) -> bool | None:
    """Return whether a session is revoked, by REVOCATION_CHECK; None: ask the database."""
    return this_process().is_revoked(sid) if conf.REVOCATION_CHECK == CACHED else None


def tell_of_revoked(sids: Iterable[UUID]) -> None:
    """Let all processes know of sessions that are revoked, once that is committed.

    A query for them is run now, and only where it matters.
    """
    if conf.REVOCATION_CHECK == CACHED:
        named = tuple(islice(sids, MOST_KEYS + 1))
        Announcement(named, this_process().tell).wait_for_commit()
