"""Who has given the first factor, and whose code is awaited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from django.contrib.auth import BACKEND_SESSION_KEY
from django.core.signing import BadSignature, Signer
from django.utils import timezone

from jwt_sessions.browser_sessions.visits import visit_of
from jwt_sessions.mfa import (
    has_second_factor,
    list_devices,
    pending_logins,
    prove,
    recovery_codes,
)
from jwt_sessions.sessions import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest

    from jwt_sessions.mfa import OwnedDevice, Proof

SALT: Final = "jwt_sessions.two_step_login"


@dataclass(frozen=True, slots=True)
class Awaited:
    """Somebody who has given the first factor, and whose code is awaited.

    `mfa_token` stands for a password given here, and for nothing else; it is empty for who has a
    cookie session from elsewhere. `backend` is the one of Django's that knew them.
    """

    user: Any
    backend: str | None
    mfa_token: str = field(default="", repr=False)

    @classmethod
    def after_password(cls, user: Any) -> Self | None:
        """Let a login wait for the code; None for who has no factor. Raises ``UserGone``."""
        needed = pending_logins.begin(user)
        return None if needed is None else cls(user, user.backend, needed.mfa_token)

    @classmethod
    def after_session(cls, request: HttpRequest) -> Self | None:
        """Return who is signed in, but for the code, if they have a factor to prove."""
        person = person_of(request)
        if not has_second_factor(person):
            return None
        return cls(person, request.session.get(BACKEND_SESSION_KEY))

    @classmethod
    def find(cls, mfa_token: str, signed_backend: str) -> Self | None:
        """Return whose login waits, if it began at this page and is not over."""
        pending = pending_logins.find(mfa_token, now=timezone.now())
        if isinstance(pending, Refusal):
            return None
        try:
            backend = _signer(mfa_token).unsign(signed_backend)
        except BadSignature:
            return None
        return cls(pending.user, backend, mfa_token)

    @property
    def signed_backend(self) -> str:
        """What the page carries, so that a login ends with the backend that it began with."""
        return _signer(self.mfa_token).sign(self.backend or "") if self.mfa_token else ""

    def devices(self) -> list[OwnedDevice]:
        """Return what they can prove themselves by."""
        return list_devices(self.user)

    def prove(self, code: str, *, request: HttpRequest) -> tuple[Proof, int | None] | Refusal:
        """Spend a code, and the login; return the proof and how many recovery codes are left.

        The number is None where none of them was used.
        """

        def note(proof: Proof) -> tuple[Proof, int | None]:
            left = recovery_codes.tell_of_use(self.user, proof, session=None, request=request)
            return proof, left

        if not self.mfa_token:
            return prove(self.user, code, request=request, then=note)
        return pending_logins.complete(
            self.mfa_token, code, request=request, then=lambda _pending, proof: note(proof)
        )


def _signer(mfa_token: str) -> Signer:
    return Signer(salt=f"{SALT} {mfa_token}")


def person_of(request: HttpRequest) -> Any:
    """Return who is signed in by cookie, also where a code is still due; else ``AnonymousUser``."""
    user = request.user
    visit = visit_of(request)
    return user if visit is None or visit.person is None else visit.person
