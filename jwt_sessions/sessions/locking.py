"""Who waits for whom: always the user's row first, then those of sessions.

A save and a deletion of the user lock in that order, so any other would end in deadlocks.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import connections, transaction

from jwt_sessions.models import session_alias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


def take_turns(user: Any, *, is_leaving: bool = False) -> None:
    """Wait, within a transaction, until no other one of this user's is under way.

    Where the user `is_leaving`, nothing that refers to them is inserted any more either.

    SQLite has one lock for all, which the first write takes; a transaction that has read before
    could not wait for it.
    """
    features = connections[session_alias()].features
    if features.has_select_for_update:
        # Not the key itself: inserting a row that refers to the user need not wait.
        no_key = features.has_select_for_no_key_update and not is_leaving
        rows = get_user_model()._base_manager.using(session_alias()).filter(pk=user.pk)
        rows = rows.select_for_update(no_key=no_key)
        rows.values_list("pk", flat=True).first()


@contextmanager
def naming(by: Any) -> Iterator[None]:
    """Lock the user whom an UPDATE of sessions is about to name, before it locks the sessions.

    MariaDB would lock both, the user last.
    """
    if by is None or not locks_what_is_named():
        yield
        return
    with transaction.atomic(using=session_alias()):
        take_turns(by)
        yield


def locks_what_is_named() -> bool:
    """Return whether a row is locked where another comes to refer to it, to see that there is one.

    PostgreSQL locks its key only, which nobody changes.
    """
    features = connections[session_alias()].features
    return features.has_select_for_update and not features.has_select_for_no_key_update


def has_locks() -> bool:
    """Return whether rows can be locked; SQLite has one lock for all that is written."""
    return connections[session_alias()].features.has_select_for_update


def may_lock() -> AbstractContextManager[Any]:
    """Return a transaction to lock in, but on SQLite, which has no such locks.

    There a transaction that reads before it writes could not wait for its turn.
    """
    return transaction.atomic(using=session_alias()) if has_locks() else nullcontext()
