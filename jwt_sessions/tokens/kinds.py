"""What a good token of each kind is to the rest of the app. None keeps the token's text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from jwt_sessions.models import Session


class SessionAccessToken(AccessToken):
    """A good access token. Reads like simplejwt's: ``token["user_id"]``, ``token.get(...)``.

    `session` is the live ``Session`` it belongs to, with its user; None where nobody has asked
    whether it lives. Where that was told without the row, the row is read when it is touched. What
    the authentication class raises for a dead session, the touch may raise then.
    """

    def __init__(self, payload: dict[str, Any], sid: UUID) -> None:
        # simplejwt's own __init__ would decode and judge the token; that is done by now.
        self.payload = payload
        self.sid = sid
        self._session: Session | None = None
        self._find_session: Callable[[], Session] | None = None
        # Whether a code came with the same request, and was good.
        self.has_proven_code = False

    @property
    def is_accepted(self) -> bool:
        """Whether the session was found to live. Reads no row."""
        return self._session is not None or self._find_session is not None

    @property
    def session(self) -> Session | None:
        """The session that it belongs to."""
        if self._session is None and self._find_session is not None:
            self._session = self._find_session()
        return self._session

    @session.setter
    def session(self, session: Session) -> None:
        self._session = session

    def accept(self, find_session: Callable[[], Session]) -> None:
        """Note that the session lives, and what reads it when it is touched."""
        self._find_session = find_session

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
