"""Is who comes with this cookie signed in? Asked with each request that wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, load_backend
from django.contrib.auth.backends import ModelBackend
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from jwt_sessions.conf import conf
from jwt_sessions.models import RevokedReason, SessionKind
from jwt_sessions.revocation import auth_hashes, is_bound, why_dead

if TYPE_CHECKING:
    from jwt_sessions.models import RefreshToken


def why_over(row: RefreshToken, store: Any) -> str | None:
    """Return why the browser session of `row` is over, or None if it lives.

    `store` is the ``request.session`` that names it. The answer is as that of ``why_dead``.
    """
    now = timezone.now()
    session: Any = row.session
    if session.kind != SessionKind.BROWSER:
        return "wrong_kind"
    reason = why_dead(session, now=now)
    # Django keeps a hash of its own, which counts: a project's page for changing the password may
    # have brought it up to date. Sessions of others were ended by the change itself.
    if reason == RevokedReason.PASSWORD_CHANGED and verified_hash(store, session.user) is not None:
        reason = None
    if reason is not None:
        return reason
    if row.idle_expires_at <= now:
        return "session_expired"
    if session.user is not None and not names(store, session.user):
        return "wrong_subject"
    return None


def names(store: Any, user: Any) -> bool:
    """Return whether a ``request.session`` names this user."""
    return bool(store.get(SESSION_KEY) == user._meta.pk.value_to_string(user))


def verified_hash(store: Any, user: Any) -> str | None:
    """Return the hash by which Django binds a ``request.session`` to the user's password.

    None if it is that of another password; a ``SECRET_KEY_FALLBACKS`` is as good as any.
    """
    kept = store.get(HASH_SESSION_KEY, "")
    is_good = any(constant_time_compare(kept, valid) for valid in auth_hashes(user))
    return kept if is_good else None


def heal(row: RefreshToken, store: Any) -> None:
    """Bring Django's hash up to date where the session is bound to the password all the same.

    So it is after a mere upgrade of the password's hash, and after another SECRET_KEY. The key of
    ``request.session`` stays, for requests that are under way beside this one know no other.
    """
    session: Any = row.session
    current = next(auth_hashes(session.user))
    if current and is_bound(session, session.user) and store.get(HASH_SESSION_KEY) != current:
        store[HASH_SESSION_KEY] = current


def find_by_backend(row: RefreshToken, store: Any) -> Any:
    """Return the user as the backend of the login finds them, or None.

    Django's own would read the row again that was read along with the session.
    """
    path = store.get(BACKEND_SESSION_KEY)
    if path not in conf.authentication_backends:
        return None
    backend: Any = load_backend(path)
    user: Any = row.session.user
    if type(backend).get_user is ModelBackend.get_user:
        return user if backend.user_can_authenticate(user) else None
    return backend.get_user(user._meta.pk.to_python(store[SESSION_KEY]))
