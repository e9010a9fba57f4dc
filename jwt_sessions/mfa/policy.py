"""Who must have a second factor, and who proved it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_sessions.claims import ACR_TWO_FACTORS
from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from jwt_sessions.tokens import SessionAccessToken


def is_required(user: Any) -> bool:
    """Return whether MFA_REQUIRED says that this user must have a second factor."""
    function = conf.MFA_REQUIRED
    return function is not None and bool(function(user))


def is_proven(token: SessionAccessToken) -> bool:
    """Return whether this access token says that two factors were proven."""
    return bool(token.get("acr") == ACR_TWO_FACTORS)
