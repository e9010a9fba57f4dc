"""Telling the rest of the project, once it is true."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth.signals import user_logged_in
from django.db import transaction

from jwt_sessions.models import Session, session_alias

if TYPE_CHECKING:
    from django.dispatch import Signal
    from django.http import HttpRequest

# Whether what is announced in this context is the login of a session that was just started.
_of_known_session: ContextVar[bool] = ContextVar("of_known_session", default=False)


def announce(signal: Signal, *, sender: type = Session, **facts: Any) -> None:
    """Send `signal` once the change is committed; a receiver that fails is logged."""
    transaction.on_commit(
        partial(signal.send_robust, sender=sender, **facts), using=session_alias()
    )


def announce_login(user: Any, request: HttpRequest | None) -> None:
    """Send Django's ``user_logged_in`` once the session is committed."""
    transaction.on_commit(partial(_send_login, user, request), using=session_alias())


def is_of_known_session() -> bool:
    """Return whether the ``user_logged_in`` that is being sent is one of ours."""
    return _of_known_session.get()


def _send_login(user: Any, request: HttpRequest | None) -> None:
    token = _of_known_session.set(True)
    try:
        # Not type(user): that of request.user is a lazy wrapper.
        user_logged_in.send_robust(sender=user.__class__, user=user, request=request)
    finally:
        _of_known_session.reset(token)
