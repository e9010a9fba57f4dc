"""Deleting the rows of sessions that are over, some time after they ended."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, transaction
from django.db.models import DateTimeField, F, Func, Value, signals
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone

from jwt_sessions.models import Among, RefreshToken, SecurityEvent, Session, session_alias
from jwt_sessions.revocation import window_length
from jwt_sessions.sessions.batching import BATCH_SIZE, let_others_write, lock_next
from jwt_sessions.sessions.locking import may_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from jwt_sessions.models.session import SessionQuerySet

# What expired tells nothing that is not told elsewhere; a revocation, its reason and who did it
# stand in the row alone.
RETAIN_EXPIRED: Final = timedelta(0)
RETAIN_REVOKED: Final = timedelta(days=90)

# As in the index.
ORDER: Final = ("revoked_at", "expires_at")


def clear_expired(
    *,
    retain_expired: timedelta = RETAIN_EXPIRED,
    retain_revoked: timedelta = RETAIN_REVOKED,
    limit: int | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Delete the sessions that expired or were revoked so long ago; return how many.

    A revoked one is kept for `retain_revoked` after its revocation, whenever it would have expired,
    and in any case for as long as it may have access tokens. Each `batch_size` of them go in a
    transaction of their own, and what was done before an error stays done. `limit` says how many at
    most. `progress` is told how many are done, after each batch. Several may be at it at once, and
    share the work.

    Security events stay, and no longer name the session. Where a project has foreign keys to
    sessions, or listens to their deletion, it is Django that deletes, with all that follows.
    """
    done, limit = 0, sys.maxsize if limit is None else limit
    for walk in walks(retain_expired=retain_expired, retain_revoked=retain_revoked):
        while size := max(0, min(batch_size, limit - done)):
            found, count = _clear_next(walk, size)
            done += count
            if progress is not None:
                progress(done)
            if found < size:
                break
            let_others_write()
    return done


def count_expired(
    *, retain_expired: timedelta = RETAIN_EXPIRED, retain_revoked: timedelta = RETAIN_REVOKED
) -> int:
    """Return how many sessions ``clear_expired`` would delete now."""
    both = walks(retain_expired=retain_expired, retain_revoked=retain_revoked)
    return sum(walk.sessions.count() for walk in both)


def walks(*, retain_expired: timedelta, retain_revoked: timedelta) -> tuple[Walk, Walk]:
    """Return the walks through those that expired, and through those that were revoked."""
    now = timezone.now()
    # Its access tokens must be found to be revoked for as long as they last.
    retain_revoked = max(retain_revoked, window_length())
    expired = Session.objects.filter(revoked_at=None, expires_at__lte=_before(now, retain_expired))
    revoked = Session.objects.filter(revoked_at__lte=_before(now, retain_revoked))
    # The first column is NULL there. MariaDB sees that the index has the order if it is left out,
    # PostgreSQL if it is named.
    is_left_out = connections[session_alias()].vendor == "mysql"
    order = ("expires_at",) if is_left_out else ORDER
    return Walk(expired.order_by(*order)), Walk(revoked.order_by(*ORDER))


class Walk:
    """A way through sessions that are a range of the index, in its order.

    It goes on where it was, for a new look from the start would pass the entries of all that is
    deleted already.
    """

    def __init__(self, sessions: SessionQuerySet) -> None:
        self.sessions = self.rest = sessions

    def next(self, size: int) -> list[UUID]:
        """Return the next `size` ids, locked where the database locks."""
        ids = lock_next(self.rest, size)
        if ids:
            self._go_on_from(ids[-1])
        return ids

    def _go_on_from(self, sid: UUID) -> None:
        """Begin the next look at a session, which may not be the only one of its moment."""
        # Of this one alone: reading the times of all takes longer than finding them.
        times = Session.objects.filter(pk=sid).values_list(*ORDER).first()
        if times is not None:
            self.rest = _from(self.sessions, *times)


def _from(
    sessions: SessionQuerySet, revoked_at: datetime | None, expires_at: datetime
) -> SessionQuerySet:
    if revoked_at is None:
        return sessions.filter(expires_at__gte=expires_at)
    here = _Pair(Value(revoked_at), Value(expires_at))
    reached = GreaterThanOrEqual(_Pair(F("revoked_at"), F("expires_at")), here)
    # The second follows from the first, but not every database starts the index there.
    return sessions.filter(reached, revoked_at__gte=revoked_at)


class _Pair(Func):
    """Two columns that are compared as one, the first before the second."""

    function = ""
    output_field = DateTimeField()


def _clear_next(walk: Walk, size: int) -> tuple[int, int]:
    """Delete the next batch; return how many were found, and how many deleted."""
    with may_lock():
        ids = walk.next(size)
        if not ids:
            return 0, 0
        return len(ids), _delete_bare(ids) if _is_alone() else _delete_with_all(ids)


def _is_alone() -> bool:
    """Return whether nothing but our own tables has to do with the deletion of sessions."""
    theirs = {*_referring_to(Session), *_referring_to(RefreshToken)} - {RefreshToken, SecurityEvent}
    heard = (signals.pre_delete, signals.post_delete)
    return not theirs and not any(
        signal.has_listeners(model) for signal in heard for model in (Session, RefreshToken)
    )


def _referring_to(model: Any) -> set[Any]:
    """Return the models that have foreign keys to `model`, those without a name back included."""
    relations = model._meta.get_fields(include_hidden=True)
    return {
        relation.related_model
        for relation in relations
        if relation.auto_created and not relation.concrete
    }


def _delete_bare(ids: Sequence[UUID]) -> int:
    """Delete sessions and what is ours of them, in three statements however many they are."""
    with transaction.atomic(using=session_alias(), savepoint=False):
        _delete_by_key(RefreshToken, ids)
        SecurityEvent.objects.filter(Among("session", ids)).update(session=None)
        return _delete_by_key(Session, ids)


def _delete_by_key(model: Any, ids: Sequence[UUID]) -> int:
    alias = session_alias()
    rows = model.objects.filter(Among("pk", ids))
    connection = connections[alias]
    if connection.vendor != "mysql":
        return int(rows._raw_delete(alias))
    # MariaDB locks each row it looks at, and where many of a table go it would look at all of them:
    # it would wait for everybody, and everybody for it. An order and a limit make it use the key.
    select, params = rows.order_by("pk")[: len(ids)].query.get_compiler(alias).as_sql()
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE{select[select.index(' FROM ') :]}", params)
        return int(cursor.rowcount)


def _delete_with_all(ids: Sequence[UUID]) -> int:
    """Delete sessions as Django does: with signals, and whatever a project's foreign keys say."""
    _, counts = Session.objects.filter(Among("pk", ids)).delete()
    return counts.get(Session._meta.label, 0)


def _before(now: datetime, period: timedelta) -> datetime:
    try:
        return now - period
    except OverflowError:  # so long ago that there is nothing
        return datetime.min.replace(tzinfo=UTC)
