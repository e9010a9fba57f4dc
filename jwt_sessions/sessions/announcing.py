"""Telling the rest of the project, once it is true."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import router, transaction

from jwt_sessions.models import Session

if TYPE_CHECKING:
    from django.dispatch import Signal


def session_alias() -> str:
    """Return the alias of the database that sessions are written to."""
    return router.db_for_write(Session)


def announce(signal: Signal, *, sender: type = Session, **facts: Any) -> None:
    """Send `signal` once the change is committed; a receiver that fails is logged."""
    transaction.on_commit(
        partial(signal.send_robust, sender=sender, **facts), using=session_alias()
    )
