"""Django's logins and logouts, by whichever page: each begins or ends a session of ours."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.exceptions import PermissionDenied
from django_otp import DEVICE_ID_SESSION_KEY

from jwt_sessions import sessions
from jwt_sessions.browser_sessions.credential import KEY, Credential, sid_in
from jwt_sessions.browser_sessions.foreign import is_code_due, usual_amr
from jwt_sessions.browser_sessions.judging import names
from jwt_sessions.browser_sessions.visits import (
    Visit,
    is_switched_on,
    visit_of,
)
from jwt_sessions.exceptions import SessionLimitReached, UserGone
from jwt_sessions.models import RevokedReason
from jwt_sessions.sessions.announcing import is_of_known_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.http import HttpRequest

# What whoever logs somebody in at this moment has proven of them.
_proven: ContextVar[tuple[str, ...] | None] = ContextVar("proven", default=None)


class LoginRefused(PermissionDenied):
    """A login that begins no session; ``__cause__`` says why. Django makes a 403 of it."""


@contextmanager
def proven_by(amr: Sequence[str]) -> Iterator[None]:
    """Let ``django.contrib.auth.login`` begin a session with this `amr`; no code is due then."""
    token = _proven.set(tuple(amr))
    try:
        yield
    finally:
        _proven.reset(token)


def connect() -> None:
    """Follow Django's logins and logouts."""
    user_logged_in.connect(_follow_login, dispatch_uid="jwt_sessions.browser_sessions")
    user_logged_out.connect(_follow_logout, dispatch_uid="jwt_sessions.browser_sessions")


def _follow_login(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Begin a session; that of whoever was signed in here before is over."""
    if is_of_known_session() or not is_switched_on():
        return
    http_request = getattr(request, "_request", request)
    store = getattr(http_request, "session", None)
    # An API of somebody else's sends the signal too, and keeps nothing here.
    if store is None or not names(store, user):
        return
    visit = visit_of(http_request) or Visit(http_request)
    if _leave(store, http_request):
        # login() keeps the key where the person is the same.
        store.cycle_key()
    if getattr(user, "otp_device", None) is None:
        # It keeps this too, of a code that was entered some other time.
        store.pop(DEVICE_ID_SESSION_KEY, None)
    amr = _proven.get()
    code_due = False
    if amr is None:
        amr = usual_amr(store)
        code_due = is_code_due(amr, user)
    try:
        session = visit.start(user, amr)
    except (SessionLimitReached, UserGone) as error:
        visit.empty()
        raise LoginRefused from error
    visit.begin(session, Credential.of_now(session.pk, amr, code_due=code_due))


def _follow_logout(sender: Any, request: Any, **kwargs: Any) -> None:
    """End the session, also where nobody watches what is flushed."""
    http_request = getattr(request, "_request", request)
    store = getattr(http_request, "session", None)
    if store is not None:
        _leave(store, http_request)


def watch_flush(visit: Visit) -> None:
    """Let whatever empties ``request.session`` end its session, as a logout does.

    ``login`` as another person sends no signal of the one who was there.
    """
    store = visit.store
    flush, aflush = store.flush, store.aflush

    @wraps(flush)
    def flush_and_end() -> None:
        _leave(store, visit.request)
        flush()

    @wraps(aflush)
    async def aflush_and_end() -> None:
        await sync_to_async(_leave)(store, visit.request)
        await aflush()

    store.flush, store.aflush = flush_and_end, aflush_and_end


def _leave(store: Any, request: HttpRequest) -> bool:
    """End the session that a ``request.session`` names; return whether it names any."""
    sid = sid_in(store)
    if sid is None:
        return False
    store.pop(KEY, None)
    if (visit := visit_of(request)) is not None:
        visit.leave()
    sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT, request=request)
    return True
