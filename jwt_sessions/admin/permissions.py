"""Who may do what in the admin. Every refusal is a 403, and logged."""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied

from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.admin import AdminSite
    from django.db.models import Model
    from django.http import HttpRequest, HttpResponseBase

logger = logging.getLogger(__name__)

REVOKE: Final = "jwt_sessions.revoke_session"
BULK_REVOKE: Final = "jwt_sessions.bulkrevoke_session"
VIEW_SESSION: Final = "jwt_sessions.view_session"
VIEW_FACTORS: Final = "jwt_sessions.view_encryptedtotp"
RESET_SECOND_FACTOR: Final = "jwt_sessions.reset_second_factor"


def is_protected(user: Any, *, operator: Any) -> bool:
    """Return whether `user` is a superuser whose sessions and factors `operator` must leave alone.

    One of theirs could be the one that stops an intruder.
    """
    return must_spare_superusers(operator) and getattr(user, "is_superuser", False)


def must_spare_superusers(operator: Any) -> bool:
    """Return whether superusers are out of reach for `operator`."""
    return conf.PROTECT_SUPERUSERS and not getattr(operator, "is_superuser", False)


def may_view(model: type[Model], site: AdminSite, request: HttpRequest) -> bool:
    """Return whether an operator may see the pages of a model, and whether there are any."""
    return site.is_registered(model) and site.get_model_admin(model).has_view_permission(request)


def logged(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a view log whom it refuses what."""

    @wraps(view)
    def logging_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except PermissionDenied:
            # The name of the view, not its address, which may hold whatever was typed.
            name = request.resolver_match.view_name if request.resolver_match else "?"
            logger.warning("user %s was refused %s %s", request.user.pk, request.method, name)
            raise

    return logging_view
