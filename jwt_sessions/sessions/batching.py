"""Many sessions, some at a time, so that nobody has to wait long for one of them."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, transaction

from jwt_sessions.sessions.announcing import session_alias

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

# Measured: more at a time saves little, and others wait longer.
BATCH_SIZE: Final = 2_000

# Seconds between two batches on SQLite.
PAUSE: Final = 0.02


def may_lock() -> AbstractContextManager[Any]:
    """Return a transaction to lock in, but on SQLite, which has no such locks.

    There a transaction that reads before it writes could not wait for its turn.
    """
    return transaction.atomic(using=session_alias()) if _has_locks() else nullcontext()


def lock_next(candidates: QuerySet[Any], size: int) -> list[UUID]:
    """Lock the first `size` rows of a query, sessions for one, in its order; return their ids.

    Within a transaction. Nobody is waited for: what another one has locked is left out, where the
    database can. SQLite locks nothing, so whoever writes asks again for what must still hold.
    """
    features = connections[session_alias()].features
    if _has_locks():
        candidates = candidates.select_for_update(
            skip_locked=features.has_select_for_update_skip_locked,
            of=("self",) if features.has_select_for_update_of else (),
        )
    return list(candidates.values_list("pk", flat=True)[:size])


def let_others_write() -> None:
    """Pause between two batches on SQLite, where others wait by asking again now and then."""
    if not _has_locks():
        time.sleep(PAUSE)


def _has_locks() -> bool:
    return connections[session_alias()].features.has_select_for_update
