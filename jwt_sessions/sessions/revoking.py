from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from jwt_sessions import signals
from jwt_sessions.models import RefreshToken, RevokedReason, SecurityEvent, Session
from jwt_sessions.revocation import auth_hashes, tell_of_revoked
from jwt_sessions.sessions.announcing import announce
from jwt_sessions.sessions.locking import naming, take_turns

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from django.contrib.auth.models import AbstractBaseUser
    from django.http import HttpRequest

    from jwt_sessions.models.session import SessionQuerySet


def revoke(
    sid: UUID,
    *,
    reason: RevokedReason,
    owner: AbstractBaseUser | None = None,
    by: AbstractBaseUser | None = None,
    request: HttpRequest | None = None,
) -> bool:
    """Revoke one session; return False if there is none to revoke. One query.

    With `owner`, a session that is not theirs is left alone.
    """
    concerned = Session.objects.filter(pk=sid)
    if owner is not None:
        concerned = concerned.filter(user_id=owner.pk)
    count = revoke_set(concerned, session_id=sid, user=owner, reason=reason, by=by, request=request)
    return bool(count)


def revoke_all(
    user: AbstractBaseUser,
    *,
    reason: RevokedReason,
    keep: UUID | None = None,
    by: AbstractBaseUser | None = None,
    request: HttpRequest | None = None,
) -> int:
    """Revoke all sessions of `user` that have not ended, or all but `keep`; return how many.

    One query. Those that lay unused for too long are among them: a refresh under way may be just
    about to prolong them.
    """
    concerned = Session.objects.filter(user_id=user.pk).unexpired()
    if keep is not None:
        concerned = concerned.exclude(pk=keep)
    return revoke_set(concerned, user=user, reason=reason, by=by, request=request)


def revoke_unbound(user: AbstractBaseUser) -> int:
    """Revoke the sessions of `user` that began with another password; return how many."""
    unbound = (
        Session.objects.filter(user_id=user.pk)
        .unexpired()
        .exclude(auth_hash__in=[*auth_hashes(user)])
    )
    return revoke_set(unbound, user=user, reason=RevokedReason.PASSWORD_CHANGED)


def forget(user: AbstractBaseUser) -> None:
    """Revoke all sessions of a user who is about to be deleted, and blank what is personal.

    Within the transaction of the deletion.
    """
    take_turns(user, is_leaving=True)
    revoke_all(user, reason=RevokedReason.USER_DELETED)
    theirs = Session.objects.filter(user_id=user.pk)
    RefreshToken.objects.filter(session__in=theirs).update(address=None)
    SecurityEvent.objects.filter(user_id=user.pk).update(address=None, facts={})
    theirs.update(
        device_name="",
        device_key="",
        user_agent="",
        browser="",
        platform="",
        address=None,
        address_key="",
        auth_hash="",
        data={},
    )


def revoke_set(
    concerned: SessionQuerySet,
    *,
    user: AbstractBaseUser | None,
    reason: RevokedReason,
    session_id: UUID | None = None,
    by: AbstractBaseUser | None = None,
    request: HttpRequest | None = None,
) -> int:
    """Revoke the sessions of a query that are not revoked yet, and announce it; return how many.

    It is about one session, or about some of a user.
    """
    at = timezone.now()
    with naming(by):
        count = concerned.revoke(reason=reason, by=by, at=at)
    if count:
        tell_of_revoked([session_id] if session_id else _revoked(of=user, at=at))
        announce(
            signals.session_revoked,
            session_id=session_id,
            user=user,
            count=count,
            reason=reason,
            by=by,
            request=request,
        )
    return count


def _revoked(*, of: Any, at: datetime) -> Iterable[UUID]:
    """Return a query for the sessions of a user that were just revoked."""
    theirs = Session.objects.filter(user=of, revoked_at=at)
    return theirs.order_by().values_list("pk", flat=True)
