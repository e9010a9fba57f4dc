"""Many sessions revoked in batches, on record, beside a site that goes on running.

Each batch is one short transaction, and leaves out what another one has locked: nobody waits long
for it, and it waits for nobody. What was left out is waited for in the end, one session at a time.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.models import F
from django.utils import timezone

from jwt_sessions import signals
from jwt_sessions.exceptions import UserGone
from jwt_sessions.models import (
    Among,
    BulkRevocation,
    BulkRevocationReason,
    RevokedReason,
    Session,
    session_alias,
)
from jwt_sessions.revocation import tell_of_revoked
from jwt_sessions.sessions.announcing import announce
from jwt_sessions.sessions.batching import BATCH_SIZE, let_others_write, lock_next
from jwt_sessions.sessions.criteria import Criteria
from jwt_sessions.sessions.locking import has_locks, locks_what_is_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    from django.http import HttpRequest

    from jwt_sessions.models.session import SessionQuerySet

logger = logging.getLogger(__name__)

# Who is concerned is asked once for so many batches: it may take a look at every session.
BATCHES_READ_AHEAD: Final = 20
# A batch that met a deadlock, or a lock that was not had in time, is tried again.
ATTEMPTS: Final = 5


def revoke_in_batches(  # noqa: PLR0913  # what is put on record, and how it is done
    queryset: SessionQuerySet,
    *,
    reason: str,
    note: str = "",
    by: Any = None,
    criteria: dict[str, Any] | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[BulkRevocation], None] | None = None,
    request: HttpRequest | None = None,
) -> BulkRevocation:
    """Revoke the sessions of a query that have not ended, some at a time; return the record.

    `reason` is a ``BulkRevocationReason``; `note` is any text for the record, and `criteria` any
    JSON object: what ``Criteria.to_json`` returns lets the record be resumed by itself. `progress`
    is called with the record when it is made, and after each batch. ``session_revoked`` is sent for
    each batch, ``bulk_revocation_finished`` at the end.

    Sessions that begin meanwhile are not concerned. Where it is cut off, the record says how many
    are revoked, and ``resume_revocation`` goes on.

    Raises ``ValueError`` for another reason and for a query that is sliced or combined,
    ``UserGone`` where `by` was deleted before it began, and Django's ``RuntimeError`` within a
    transaction of the caller's, which would keep all batches locked until its end.
    """
    record = BulkRevocation(by=by, reason=reason, note=note, criteria=criteria or {})
    run = Run(record, narrowable(queryset), batch_size, progress=progress, request=request)
    record.total = run.concerned.count()
    store(record)
    return run.finish()


def resume_revocation(
    record: BulkRevocation,
    queryset: SessionQuerySet | None = None,
    *,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[BulkRevocation], None] | None = None,
    request: HttpRequest | None = None,
) -> BulkRevocation:
    """Go on with a bulk revocation that was cut off; return its record.

    Which sessions, `record.criteria` says, unless you give the query: it raises ``BadCriteria``
    where that is not what ``Criteria.to_json`` returned. One that is finished is left alone.
    """
    # Others may be at work on it, and whoever began it may be gone.
    record = BulkRevocation.objects.select_related("by").get(pk=record.pk)
    if record.is_finished:
        return record
    if queryset is None:
        queryset = Criteria.from_json(record.criteria).sessions()
    run = Run(record, narrowable(queryset), batch_size, progress=progress, request=request)
    return run.finish()


def store(record: BulkRevocation) -> None:
    """Insert the record of a bulk revocation that has not begun. Raises as it says above."""
    if record.reason not in BulkRevocationReason.values:
        raise ValueError(f"A bulk revocation has a reason: one of {BulkRevocationReason.values}.")
    try:
        with transaction.atomic(using=session_alias(), durable=True):
            record.save(using=session_alias())
    except IntegrityError as error:  # it refers to nothing but `by`
        raise UserGone from error


def concerned(queryset: SessionQuerySet, *, until: Any = None) -> SessionQuerySet:
    """Return those sessions of a query that a bulk revocation revokes which starts now.

    As with ``revoke_all``, those that lay unused for too long are among them.
    """
    began = queryset.filter(created_at__lte=until or timezone.now())
    return began.unexpired().unrevoked()


def narrowable(queryset: SessionQuerySet) -> SessionQuerySet:
    """Return a query of the same sessions that can be narrowed and walked in order."""
    query = queryset.query
    if query.is_sliced or query.combinator:
        raise ValueError("A query that is sliced or combined cannot be revoked in batches.")
    is_joined = sum(count > 0 for count in query.alias_refcount.values()) > 1
    if is_joined or query.distinct or query.annotations:
        queryset = Session.objects.filter(pk__in=queryset.values("pk"))
    return queryset.order_by("pk")


class Run:
    """One process at work on a bulk revocation. Others may be at work on the same one."""

    def __init__(
        self,
        record: BulkRevocation,
        chosen: SessionQuerySet,
        batch_size: int = BATCH_SIZE,
        *,
        progress: Callable[[BulkRevocation], None] | None = None,
        request: HttpRequest | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError("A batch has at least one session.")
        self.record = record
        self.concerned = concerned(chosen, until=record.started_at)
        self.batch_size = batch_size
        self.progress = progress
        self.request = request
        self.alias = session_alias()

    def leave_for_last(self, sid: UUID | None) -> Iterable[UUID]:
        """Find one session no more; return what asks for it, where it is left to revoke."""
        if sid is None:
            return ()
        this = self.concerned.filter(pk=sid).values_list("pk", flat=True)
        self.concerned = self.concerned.exclude(pk=sid)
        return this

    def finish(self) -> BulkRevocation:
        """Revoke what is left, and say so in the record."""
        self._tell()
        self._walk(None)
        last = None
        # One that was locked. When it is free, so are others: they were locked by the same one.
        while left := self.read(last, 1):
            self.revoke(left, wait=True)
            last = left[0]
            self._walk(last)
        self.close()
        return self.record

    def close(self) -> None:
        """Say in the record that nothing is left to revoke."""
        with transaction.atomic(using=self.alias):
            if self._rows().filter(finished_at=None).update(finished_at=timezone.now()):
                announce(
                    signals.bulk_revocation_finished,
                    sender=BulkRevocation,
                    record=self.record,
                    request=self.request,
                )
            self.record.refresh_from_db(using=self.alias)

    def _walk(self, last: UUID | None) -> None:
        """Revoke all sessions after `last` that nobody has locked."""
        ahead = self.batch_size * BATCHES_READ_AHEAD
        while ids := self.read(last, ahead):
            for start in range(0, len(ids), self.batch_size):
                self.revoke(ids[start : start + self.batch_size])
            last = ids[-1]
            if len(ids) < ahead:
                return

    def read(self, last: UUID | None, number: int) -> list[UUID]:
        """Return the first ones after `last` that are left to revoke, in order."""
        rows = self.concerned if last is None else self.concerned.filter(pk__gt=last)
        return list(rows.values_list("pk", flat=True)[:number])

    def read_between(self, last: UUID | None, end: UUID | None) -> list[UUID]:
        """Return all after `last` and up to `end` that are left to revoke, in order."""
        rows = self.concerned if last is None else self.concerned.filter(pk__gt=last)
        rows = rows if end is None else rows.filter(pk__lte=end)
        return list(rows.values_list("pk", flat=True))

    def revoke(self, ids: Sequence[UUID], *, wait: bool = False) -> None:
        """Revoke those that are not revoked and, unless it is to `wait`, not locked."""
        count = self._try_to_revoke(ids, wait=wait)
        if count:
            self.record.done += count
            self._tell()
        let_others_write()

    def _try_to_revoke(self, ids: Sequence[UUID], *, wait: bool) -> int:
        for _ in range(ATTEMPTS - 1):
            try:
                return self._revoke(ids, wait=wait)
            except OperationalError:
                logger.info("bulk revocation %s tries a batch again", self.record.pk, exc_info=True)
                self._drop_broken_connection()
        return self._revoke(ids, wait=wait)

    def _drop_broken_connection(self) -> None:
        connection = connections[self.alias]
        is_idle = connection.connection is not None and not connection.in_atomic_block
        if is_idle and not connection.is_usable():
            connection.close()

    def _revoke(self, ids: Sequence[UUID], *, wait: bool) -> int:
        """Revoke and count them in one transaction, which begins with a write on SQLite."""
        with transaction.atomic(using=self.alias, durable=True):
            rows = Session.objects.filter(Among("pk", ids))
            if has_locks():
                ids = lock_next(rows.unrevoked().order_by("pk"), len(ids), wait=wait)
                rows = Session.objects.filter(Among("pk", ids))
                if ids and locks_what_is_named():
                    # It would be shared at first, and then be wanted for the count, and by whoever
                    # deletes the person who does this.
                    self._rows().select_for_update().values_list("pk").first()
            # By whom, the record says: a name in each would be a million rows to change when that
            # person is deleted, and locks on a person in each batch.
            count = rows.revoke(reason=RevokedReason.REVOKED_BY_STAFF, bulk_revocation=self.record)
            if count:
                self._rows().update(done=F("done") + count)
                tell_of_revoked(ids)
                self._announce(count)
        return count

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.record)

    def _announce(self, count: int) -> None:
        announce(
            signals.session_revoked,
            session_id=None,
            user=None,
            count=count,
            reason=RevokedReason.REVOKED_BY_STAFF,
            by=self.record.by,
            request=self.request,
        )

    def _rows(self) -> Any:
        return BulkRevocation.objects.filter(pk=self.record.pk)
