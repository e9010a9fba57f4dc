"""A second factor for a whole admin site, by one line in the project's URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.contrib.auth.decorators import login_not_required
from django_otp import DEVICE_ID_SESSION_KEY

from jwt_sessions import mfa
from jwt_sessions.admin.login import TEMPLATE, AdminLoginView
from jwt_sessions.autocommit import in_autocommit

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.http import HttpRequest, HttpResponseBase

SiteT = TypeVar("SiteT", bound="AdminSite")

MARK: Final = "asks_for_second_factor"


def with_second_factor(site: SiteT) -> SiteT:
    """Let `site` ask for a second factor, and return it: once or several times is the same.

    ``path("admin/", with_second_factor(admin.site).urls)``. Who has a second factor enters with it
    only, however they signed in; who must have one (MFA_REQUIRED) and has none does not enter.
    The site's own ``has_permission``, ``login_form`` and ``login_template`` go on counting.
    """
    if not getattr(site, MARK, False):
        is_allowed, base_template = site.has_permission, site.login_template

        def has_permission(request: HttpRequest) -> bool:
            return is_allowed(request) and has_proven_factors(request)

        @login_not_required
        def login(
            request: HttpRequest, extra_context: dict[str, Any] | None = None
        ) -> HttpResponseBase:
            request.current_app = site.name
            view = AdminLoginView.as_view(
                site=site,
                is_allowed=is_allowed,
                base_template=base_template or "admin/login.html",
                extra_context=extra_context,
            )
            return view(request)

        for name, value in {
            "has_permission": has_permission,
            "login": in_autocommit(login),
            "login_template": TEMPLATE,
            MARK: True,
        }.items():
            setattr(site, name, value)
    return site


def has_proven_factors(request: HttpRequest) -> bool:
    """Return whether the person has proven, in this cookie session, all that they must.

    Who has a second factor must have proven it, as django-otp keeps it in ``request.session``, by
    a device that they still have. One query for each request.
    """
    asked = (request.user.pk, request.session.get(DEVICE_ID_SESSION_KEY))
    known = getattr(request, "jwt_sessions_proven", None)
    if known is None or known[0] != asked:
        known = asked, _has_proven(request.user, asked[1])
        request.jwt_sessions_proven = known  # type: ignore[attr-defined]  # kept for this request
    return bool(known[1])


def _has_proven(user: Any, persistent_id: str | None) -> bool:
    devices = mfa.list_devices(user)
    if any(device.is_factor for device in devices):
        return any(device.persistent_id == persistent_id for device in devices)
    return not mfa.is_required(user)
