"""Proving oneself again inside a live session (RFC 9470)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jwt_sessions import accounts, sessions
from jwt_sessions.claims import AMR_PASSWORD, add_factor, without_factors
from jwt_sessions.exceptions import ProofNeeded
from jwt_sessions.mfa import recovery_codes
from jwt_sessions.mfa.devices import has_second_factor
from jwt_sessions.mfa.proving import Proof, prove
from jwt_sessions.sessions import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest

    from jwt_sessions.models import Session


@dataclass(frozen=True, slots=True)
class Proven:
    """A fresh access token of the same session. `recovery_codes_remaining` if one was used."""

    access: str = field(repr=False)
    recovery_codes_remaining: int | None = None


def by_code(
    session: Session, code: str, *, method: str | None = None, request: HttpRequest | None = None
) -> Proven | Refusal:
    """Take a code of the person whose session it is."""
    user = session.user

    def renew(proof: Proof) -> Proven | Refusal:
        access = sessions.prove_again(session, amr=add_factor(session.amr, proof.amr))
        if access is None:
            return Refusal("session_revoked")
        left = recovery_codes.tell_of_use(user, proof, session=session, request=request)
        return Proven(access, left)

    return prove(user, code, method=method, session=session, request=request, then=renew)


def by_password(
    session: Session, password: str, *, request: HttpRequest | None = None
) -> Proven | Refusal:
    """Take the password of a person who has no second factor.

    Raises ``ProofNeeded`` for who has one: a password alone must not open what needs both.
    """
    user: Any = session.user
    if has_second_factor(user):
        raise ProofNeeded
    credentials = {type(user).USERNAME_FIELD: user.get_username(), "password": password}
    found = accounts.prove_password(request, credentials)
    if found is None or found.pk != user.pk:
        return Refusal("wrong_password")
    # A second factor that was proven before, and is gone by now, was not proven again.
    amr = dict.fromkeys([*without_factors(session.amr), AMR_PASSWORD])
    access = sessions.prove_again(session, amr=list(amr))
    return Refusal("session_revoked") if access is None else Proven(access)
