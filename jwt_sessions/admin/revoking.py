from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse

    from jwt_sessions.admin.sessions import SessionAdmin


class RevokeView(TemplateView):
    """Ask whether to revoke one session (GET), then do it and put it on record (POST)."""

    template_name = "admin/jwt_sessions/session/revoke.html"
    http_method_names = ["get", "head", "post"]
    model_admin: SessionAdmin = None  # type: ignore[assignment]  # given to as_view()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # Asked before the look-up too, so that 404 tells nothing to who may not look.
        if not self.is_allowed(request, None):
            raise PermissionDenied
        session = self.model_admin.get_object(request, kwargs["object_id"])
        if session is None:
            raise Http404
        if not self.is_allowed(request, session):
            raise PermissionDenied
        self.session: Session = session
        if session.is_over:
            messages.info(request, _("This session is over already."))
            return self.back_to_the_session()
        return super().dispatch(request, *args, **kwargs)

    def is_allowed(self, request: HttpRequest, session: Session | None) -> bool:
        return self.model_admin.has_view_permission(
            request, session
        ) and self.model_admin.has_revoke_permission(request, session)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            **self.model_admin.admin_site.each_context(self.request),
            "opts": Session._meta,
            "original": self.session,
            "has_view_permission": True,
            "media": self.model_admin.media,
            "title": _("Revoke this session?"),
            "is_own": self.session.user_id == self.request.user.pk,
        }

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if sessions.revoke(
            self.session.pk,
            reason=RevokedReason.REVOKED_BY_STAFF,
            by=cast("AbstractBaseUser", request.user),
            request=request,
        ):
            self.model_admin.log_revocation(request, self.session)
            messages.success(request, _("The session is revoked. Its tokens no longer work."))
        return self.back_to_the_session()

    def back_to_the_session(self) -> HttpResponseRedirect:
        site = self.model_admin.admin_site.name
        address = reverse(f"{site}:jwt_sessions_session_change", args=[self.session.pk])
        return HttpResponseRedirect(address)
