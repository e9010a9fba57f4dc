"""What a caller must have proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission

from jwt_sessions.tokens import SessionAccessToken

if TYPE_CHECKING:
    from rest_framework.request import Request


class HasSession(BasePermission):
    """Let in who presented an access token of ours; anybody else gets 401.

    ``force_authenticate`` in a test and other authentication classes leave no session behind, so
    they get 401 too.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True or raise ``NotAuthenticated``."""
        if not isinstance(request.auth, SessionAccessToken) or request.auth.session is None:
            raise NotAuthenticated
        return True
