"""A bulk revocation in short steps, for who cannot wait for its end: a page, for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import UUID

from jwt_sessions.exceptions import TooSlow
from jwt_sessions.models import BulkRevocation, Session
from jwt_sessions.sessions.bulk import Run, concerned, narrowable, store
from jwt_sessions.sessions.criteria import Criteria
from jwt_sessions.sessions.previewing import count_about
from jwt_sessions.sessions.time_limit import Deadline

if TYPE_CHECKING:
    from django.http import HttpRequest

# How many sessions are looked at in one statement, where finding those concerned takes long.
WINDOW: Final = 20_000


@dataclass(frozen=True, slots=True)
class Position:
    """How far a walk through all sessions is; the default is its beginning.

    `after`: up to which session. `has_found`: whether any was left to revoke so far: a walk that
    finds none is the last one. `in_windows`: whether finding them is slow.
    """

    after: UUID | None = None
    has_found: bool = False
    in_windows: bool = False

    def to_json(self) -> list[Any]:
        """Return it as a JSON list."""
        return [self.after.hex if self.after else None, self.has_found, self.in_windows]

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return what ``to_json`` was called on. Raises ``ValueError`` for anything else."""
        try:
            after, has_found, in_windows = data
            return cls(UUID(after) if after else None, bool(has_found), bool(in_windows))
        except (TypeError, AttributeError, ValueError) as error:
            raise ValueError("This is no position.") from error


def record_revocation(
    criteria: Criteria, *, reason: str, note: str = "", by: Any = None, seconds: float = 1.5
) -> BulkRevocation:
    """Put a bulk revocation on record which ``revoke_some`` or ``resume_revocation`` carries out.

    Sessions that begin from now on are not concerned. Where counting them takes longer than
    `seconds`, `total` is an estimate. Raises what ``revoke_in_batches`` does.
    """
    record = BulkRevocation(by=by, reason=reason, note=note, criteria=criteria.to_json())
    rows = concerned(criteria.sessions(), until=record.started_at)
    record.total, record.total_is_estimate = count_about(rows, Deadline(seconds))
    store(record)
    return record


def revoke_some(
    record: BulkRevocation,
    *,
    position: Position | None = None,
    seconds: float = 1.0,
    last: UUID | None = None,
    request: HttpRequest | None = None,
) -> Position | None:
    """Go on with a bulk revocation for some `seconds`; return where it is, or None at its end.

    `position` is what was returned before; without it all sessions are walked through anew, which
    is always right. `last` is a session that is revoked when no other is left, if it is among them:
    that of who does this, and could not go on without it. Other sessions that somebody has locked
    are left for the next walk: nobody is waited for. A step takes a little longer than it is given:
    up to the end of a batch. Raises ``BadCriteria`` where the record's are not those of
    ``Criteria.to_json``, and, within a transaction of the caller's, Django's ``RuntimeError``.
    """
    record = BulkRevocation.objects.select_related("by").get(pk=record.pk)
    if record.is_finished:
        return None
    run = Run(record, narrowable(Criteria.from_json(record.criteria).sessions()), request=request)
    return _Walk(run, position or Position(), Deadline(seconds), last=last).go()


class _Walk:
    """Some of the way through all sessions of a bulk revocation."""

    def __init__(
        self, run: Run, position: Position, deadline: Deadline, *, last: UUID | None
    ) -> None:
        self.run, self.deadline = run, deadline
        self.last = run.leave_for_last(last)
        self.after, self.has_found = position.after, position.has_found
        self.in_windows = position.in_windows

    def go(self) -> Position | None:
        """Revoke until the time is up; return where that is, or None at the end of all walks."""
        is_at_end = False
        while not (is_at_end or self.deadline.is_over):
            ids, up_to = self._read()
            is_at_end = up_to is None
            for start in range(0, len(ids), self.run.batch_size):
                if start and self.deadline.is_over:
                    return self._here()
                batch = ids[start : start + self.run.batch_size]
                self.run.revoke(batch)
                self.has_found, self.after = True, batch[-1]
            self.after = up_to
        if not is_at_end or self.has_found:
            return self._here()
        if left := list(self.last):
            self.run.revoke(left, wait=True)
        self.run.close()
        return None

    def _here(self) -> Position:
        # A new walk begins with nothing found.
        has_found = self.has_found and self.after is not None
        return Position(self.after, has_found, self.in_windows)

    def _read(self) -> tuple[list[UUID], UUID | None]:
        """Return some that are left to revoke, and up to where that is all; None: the end."""
        size = self.run.batch_size
        if not self.in_windows:
            try:
                ids = self.deadline.ask(lambda: self.run.read(self.after, size))
            except TooSlow:
                self.in_windows = True
            else:
                return ids, ids[-1] if len(ids) == size else None
        end = self._end_of_window()
        return self.run.read_between(self.after, end), end

    def _end_of_window(self) -> UUID | None:
        rows = Session.objects.order_by("pk").values_list("pk", flat=True)
        if self.after is not None:
            rows = rows.filter(pk__gt=self.after)
        return next(iter(rows[WINDOW - 1 : WINDOW]), None)
