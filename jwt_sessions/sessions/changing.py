from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from jwt_sessions import clients
from jwt_sessions.models import RefreshToken, Session, SessionKind
from jwt_sessions.revocation import auth_hashes
from jwt_sessions.tokens import mint_access_token

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.contrib.auth.models import AbstractBaseUser


def rename(sid: UUID, *, user: AbstractBaseUser, device_name: str) -> Session | None:
    """Give the device of a live session of `user` another name; None if there is none."""
    mine = Session.objects.filter(pk=sid, user_id=user.pk)
    name = clients.clean_text(device_name, clients.NAME_LENGTH)
    families = ("", "") if name else mine.values_list("browser", "platform").first() or ("", "")
    key = clients.device_key(name, *families)
    if not mine.live().update(device_name=name, device_key=key):
        return None
    return mine.select_related("refresh_token").first()


def note_proof(session: Session, *, amr: Sequence[str]) -> bool:
    """Note that the person behind `session` has just proven themselves, in all by `amr`.

    Returns False if the session is revoked.
    """
    now = timezone.now()
    this = Session.objects.filter(pk=session.pk)
    if not this.update_unrevoked(amr=list(amr), auth_time=now):
        return False
    session.amr, session.auth_time = list(amr), now
    return True


def prove_again(session: Session, *, amr: Sequence[str]) -> str | None:
    """Note the same, and return a fresh access token, which says so; None if it is revoked.

    So will the tokens of later refreshes; those of before say what they said. A browser session has
    no tokens, and gets "".
    """
    if not note_proof(session, amr=amr):
        return None
    if session.kind == SessionKind.BROWSER:
        return ""
    session.refresh_token = RefreshToken.objects.get(pk=session.pk)
    return mint_access_token(session, now=session.auth_time)


def rebind(session: Session, user: AbstractBaseUser) -> bool:
    """Let `session` survive the password change under way; return False if it is revoked already.

    Call it between ``user.set_password()`` and ``user.save()``, in one transaction with the save:
    all other sessions of the user end at the save, and this one carries on.
    """
    auth_hash = next(auth_hashes(user))
    theirs = Session.objects.filter(pk=session.pk, user_id=user.pk)
    if not theirs.update_unrevoked(auth_hash=auth_hash):
        return False
    session.auth_hash = auth_hash
    return True


def rebind_upgraded(user: AbstractBaseUser, before: AbstractBaseUser) -> int:
    """Let sessions survive a mere upgrade of the password's hash; return how many that were.

    `before` is `user` with the hash that was replaced.
    """
    bound = Session.objects.filter(user_id=user.pk, auth_hash__in=[*auth_hashes(before)])
    return bound.update_unrevoked(auth_hash=next(auth_hashes(user)))
