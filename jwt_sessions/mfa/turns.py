"""One change after the other, of one person's devices."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from jwt_sessions.exceptions import UserGone
from jwt_sessions.models import session_alias
from jwt_sessions.sessions.locking import take_turns

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def in_turn(user: Any, *, by: Any = None) -> Iterator[None]:
    """Do what follows in a transaction, once no other one of this user's is under way.

    Nor one of who does it, if that is somebody else: two who do it to each other wait in one order.

    On SQLite it should begin with an UPDATE: see ``take_turns``. Raises ``UserGone`` where the
    user was deleted meanwhile.
    """
    try:
        with transaction.atomic(using=session_alias()):
            for person in sorted([user] if by is None else [user, by], key=lambda one: str(one.pk)):
                take_turns(person)
            yield
    except IntegrityError as error:
        if user.__class__._base_manager.using(session_alias()).filter(pk=user.pk).exists():
            raise
        raise UserGone from error
