"""What is left to do when a browser was answered, outside of the view's transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth import HASH_SESSION_KEY
from django_otp import DEVICE_ID_SESSION_KEY

from jwt_sessions import sessions
from jwt_sessions.browser_sessions.credential import KEY
from jwt_sessions.browser_sessions.judging import names, verified_hash
from jwt_sessions.claims import AMR_ONE_TIME_CODE, add_factor
from jwt_sessions.exceptions import UserGone
from jwt_sessions.models import RefreshToken, RevokedReason
from jwt_sessions.revocation import auth_hashes
from jwt_sessions.sessions.refreshing import load_refresh_token

if TYPE_CHECKING:
    from jwt_sessions.browser_sessions.visits import Visit
    from jwt_sessions.models import Session


def finish(visit: Visit) -> None:
    """Write down what this request has shown of its session."""
    if visit.unrecorded is not None:
        sid, reason = visit.unrecorded
        sessions.revoke(sid, reason=reason, request=visit.request)
    if visit.row is None or not names(visit.store, visit.person):
        return
    if visit.is_new and not _is_stored(visit.row):
        # The view's transaction was rolled back. Django's session is none of that transaction; who
        # comes with it again is taken over then.
        visit.store.pop(KEY, None)
        return
    _take_over_proof(visit)
    if _follow_password(visit) and not visit.is_new:
        sessions.see(visit.row, idle=visit.idle, request=visit.request)


def _is_stored(row: RefreshToken) -> bool:
    return RefreshToken.objects.filter(pk=row.pk).exists()


def _take_over_proof(visit: Visit) -> None:
    """Count the code that a page of somebody else's has asked for, and told django-otp of."""
    device = visit.store.get(DEVICE_ID_SESSION_KEY)
    credential: Any = visit.credential
    if device and device != visit.known_device and not credential.has_proven_factors:
        visit.prove(add_factor(credential.amr, [AMR_ONE_TIME_CODE]))


def _follow_password(visit: Visit) -> bool:
    """Bind the session to the password that this browser has just changed; False if it is over.

    Django's ``update_session_auth_hash`` leaves its hash behind. The change itself has ended all
    sessions of before, and a revoked one stays dead: another takes its place.
    """
    known: Any = visit.row
    is_changed = visit.store.get(HASH_SESSION_KEY) != visit.known_hash
    if not is_changed and known.session.auth_hash == next(auth_hashes(known.session.user)):
        return True
    # As both are now: the view may have changed the password of an instance of its own.
    row = load_refresh_token(known.pk)
    user = None if row is None else row.session.user
    if row is None or user is None:
        visit.empty()
        return False
    if verified_hash(visit.store, user) is None:
        return True  # the next request is judged by it
    if sessions.rebind(row.session, user):
        return True
    if row.session.revoked_reason != RevokedReason.PASSWORD_CHANGED:
        visit.empty()
        return False
    _succeed(visit, row.session)
    return True


def _succeed(visit: Visit, former: Session) -> None:
    """Go on in another session, in which nothing was proven anew."""
    credential: Any = visit.credential
    origin = sessions.Origin(device_name=former.device_name)
    try:
        session = visit.start(former.user, credential.amr, origin=origin)
    except UserGone:
        visit.empty()
        return
    visit.begin(session, replace(credential, sid=session.pk))
