"""Many sessions, some at a time, so that nobody has to wait long for one of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from django.db import connections

from jwt_sessions.models import session_alias
from jwt_sessions.sessions.locking import has_locks

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

# Measured: more at a time saves little, and others wait longer.
BATCH_SIZE: Final = 5_000

# Seconds between two batches on SQLite.
PAUSE: Final = 0.005


def lock_next(candidates: QuerySet[Any], size: int, *, wait: bool = False) -> list[UUID]:
    """Lock the first `size` rows of a query, sessions for one, in its order; return their ids.

    Within a transaction. Unless told to `wait`, nobody is waited for: what another one has locked
    is left out, where the database can. SQLite locks nothing, so whoever writes asks again for what
    must still hold.
    """
    features = connections[session_alias()].features
    if has_locks():
        candidates = candidates.select_for_update(
            skip_locked=not wait and features.has_select_for_update_skip_locked,
            of=("self",) if features.has_select_for_update_of else (),
        )
    return list(candidates.values_list("pk", flat=True)[:size])


def let_others_write() -> None:
    """Pause between two batches on SQLite, where others wait by asking again now and then."""
    if not has_locks():
        time.sleep(PAUSE)
