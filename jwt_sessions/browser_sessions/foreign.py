"""Cookie sessions that somebody else began: by what proof, and whether that is enough."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, load_backend
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookie
from django.core.signing import b62_decode
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY

from jwt_sessions.browser_sessions.destinations import are_pages_mounted
from jwt_sessions.claims import (
    AMR_MULTIPLE_FACTORS,
    AMR_ONE_TIME_CODE,
    AMR_PASSWORD,
    add_factor,
)
from jwt_sessions.conf import conf
from jwt_sessions.mfa import has_second_factor
from jwt_sessions.models.identifiers import named_uuid7

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID


def is_code_due(amr: Sequence[str], user: Any) -> bool:
    """Return whether who is signed in by `amr` must enter a code: where there is a page for it."""
    is_proven = AMR_MULTIPLE_FACTORS in amr
    return not is_proven and are_pages_mounted() and has_second_factor(user)


def usual_amr(store: Any) -> tuple[str, ...]:
    """Return what a login by Django's own means has proven, as far as ``request.session`` tells."""
    amr = []
    path = store.get(BACKEND_SESSION_KEY)
    if path in conf.authentication_backends:
        backend = type(load_backend(path))
        if getattr(backend, "authenticate", None) is ModelBackend.authenticate:
            amr.append(AMR_PASSWORD)
    if store.get(DEVICE_ID_SESSION_KEY):
        amr = add_factor(amr, [AMR_ONE_TIME_CODE])
    return tuple(amr)


def sid_of_older(store: Any) -> UUID:
    """Return the id for a cookie session that has none: one for all requests that bring it at once.

    A signed cookie is good for as long as it lasts, whatever becomes of its session. So that a copy
    does not bring back what was revoked, its own time counts, not that of the request.
    """
    key, moment = str(store.session_key), timezone.now().replace(minute=0, second=0, microsecond=0)
    if isinstance(store, SignedCookie):
        _, signed_at, _ = key.rsplit(":", 2)
        moment = datetime.fromtimestamp(b62_decode(signed_at), tz=UTC)
    return named_uuid7(moment, key)
