"""What a good token of each kind is to the rest of the app. None keeps the token's text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from jwt_sessions.models import Session


class SessionAccessToken(AccessToken):
    """A good access token. Reads like simplejwt's: ``token["user_id"]``, ``token.get(...)``.

    `session` is the live ``Session`` it belongs to.
    """

    def __init__(self, payload: dict[str, Any], sid: UUID) -> None:
        # simplejwt's own __init__ would decode and judge the token; that is done by now.
        self.payload = payload
        self.sid = sid
        self.session: Session | None = None
        # Whether a code came with the same request, and was good.
        self.has_proven_code = False

    @property
    def current_time(self) -> datetime:  # type: ignore[override]  # simplejwt writes it, we do not
        """What the methods it inherits judge by."""
        return timezone.now()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} jti={self.payload['jti']} sid={self.sid}>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class SessionRefreshToken:
    """A good refresh token: which session it is for, and which generation."""

    sid: UUID
    generation: int


@dataclass(frozen=True, slots=True)
class PendingLoginToken:
    """A good `mfa_token`: which pending login it stands for. It proves nothing else."""

    pending_login: UUID


def user_id_of(user: Any) -> str:
    """Return the user's `sub`."""
    return str(getattr(user, conf.USER_ID_FIELD))
