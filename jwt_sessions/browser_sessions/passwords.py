"""A password changed in the browser that stays signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import update_session_auth_hash
from django.db import transaction

from jwt_sessions import sessions
from jwt_sessions.mfa import events
from jwt_sessions.models import SecurityEventKind, session_alias
from jwt_sessions.sessions.locking import take_turns

if TYPE_CHECKING:
    from jwt_sessions.browser_sessions.visits import Visit


def change_password(visit: Visit, form: Any) -> bool:
    """Save the new password of a valid form of Django's; return False if the session is revoked.

    All other sessions of the person end, as they do by any change of the password.
    """
    user, session = form.save(commit=False), visit.session
    with transaction.atomic(using=session_alias()):
        take_turns(user)
        if session is None or not sessions.rebind(session, user):
            return False
        user.save()
        kind = SecurityEventKind.PASSWORD_CHANGED
        events.record(kind, user, session=session, request=visit.request)
    update_session_auth_hash(visit.request, user)
    return True
