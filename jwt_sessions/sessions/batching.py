"""Many sessions, some at a time, so that nobody has to wait long for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections

from jwt_sessions.sessions.announcing import session_alias

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from jwt_sessions.models.session import SessionQuerySet

Rows = TypeVar("Rows", bound="QuerySet[Any]")


def lock_next(candidates: SessionQuerySet, size: int) -> list[UUID]:
    """Lock the first `size` sessions of a query, in its order; return their ids.

    Within a transaction. Nobody is waited for: what another one has locked is left out, where the
    database can. SQLite locks nothing, so whoever writes asks again for what must still hold.
    """
    return list(locking(candidates).values_list("pk", flat=True)[:size])


def locking(candidates: Rows) -> Rows:
    """Return the query as one that locks what it reads, as ``lock_next`` does."""
    features = connections[session_alias()].features
    if not features.has_select_for_update:
        return candidates
    return candidates.select_for_update(
        skip_locked=features.has_select_for_update_skip_locked,
        of=("self",) if features.has_select_for_update_of else (),
    )
