"""What a transaction lets us see: what others have committed, and what itself has not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.transaction import on_commit

from jwt_sessions.models import session_alias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from uuid import UUID

    Sids = Collection[UUID]


@dataclass(frozen=True, slots=True)
class Announcement:
    """Sessions that are revoked, of which nobody is told before that is committed."""

    sids: Sids
    tell: Callable[[Sids], object]

    def __call__(self) -> None:
        """Tell of them."""
        self.tell(self.sids)

    def wait_for_commit(self) -> None:
        """Tell of them at the commit; where there is no transaction, now."""
        on_commit(self, using=session_alias())


def has_untold_revocations(connection: Any) -> bool:
    """Return whether the transaction under way, if any, has revoked a session itself."""
    return connection.in_atomic_block and any(
        isinstance(waiting, Announcement) for _, waiting, *_ in connection.run_on_commit
    )


def sees_what_is_committed(connection: Any) -> bool:
    """Return whether the next query will see all that others have committed by then.

    Not so in a transaction that keeps seeing what was there at its beginning. One query within a
    transaction on PostgreSQL.
    """
    if connection.get_autocommit() and not connection.in_atomic_block:
        return True
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            return cursor.fetchone()[0] in {"read committed", "read uncommitted"}
    # Django's backend for MySQL and MariaDB tells what it has set, "read committed" by default.
    return getattr(connection, "isolation_level", None) == "read committed"
