from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import F
from django.http import HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from jwt_sessions.admin.overview import overview_path
from jwt_sessions.admin.permissions import REVOKE, is_protected
from jwt_sessions.admin.read_only import ReadOnlyAdmin
from jwt_sessions.admin.revoking import RevokeView
from jwt_sessions.claims import AMR_PASSWORD
from jwt_sessions.models import RevokedReason, RevokedSession, Session
from jwt_sessions.revocation import why_dead

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

METHODS = {AMR_PASSWORD: _("password")}


class SessionRecordAdmin(ReadOnlyAdmin):
    """What the two screens of sessions share. No field here is a secret."""

    fieldsets = [
        (None, {"fields": ["id", "user", "kind", "state"]}),
        (_("Device"), {"fields": ["device_name", "device", "user_agent", "address"]}),
        (
            pgettext_lazy("what happened in a session", "Activity"),
            {
                "fields": [
                    "created_at",
                    "methods",
                    "last_seen_at",
                    "last_address",
                    "generation",
                    "idle_expires_at",
                    "expires_at",
                ]
            },
        ),
        (_("Revocation"), {"fields": ["revoked_at", "revoked_reason", "revoker"]}),
    ]
    search_help_text = _("Search by the name that people sign in with.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        along = ("user", "refresh_token", "revoked_by", "bulk_revocation__by")
        return super().get_queryset(request).select_related(*along)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"user__{get_user_model().USERNAME_FIELD}"]

    @admin.display(description=_("revoked by"))
    def revoker(self, session: Session) -> AbstractBaseUser | None:
        return session.revoker

    @admin.display(description=pgettext_lazy("of a session", "state"))
    def state(self, session: Session) -> str:
        if session.is_revoked:
            return pgettext("state of a session", "revoked")
        if session.is_expired:
            return pgettext("state of a session", "expired")
        # What nobody has recorded yet ends a session just the same.
        reason = why_dead(session, now=timezone.now())
        if reason is not None:
            return str(RevokedReason(reason).label)
        return pgettext("state of a session", "live")

    @admin.display(description=_("device"))
    def name(self, session: Session) -> str:
        return session.display_name

    @admin.display(description=_("runs on"))
    def device(self, session: Session) -> str:
        return self.show(session.device or None)

    @admin.display(description=_("signed in with"))
    def methods(self, session: Session) -> str:
        return ", ".join(str(METHODS.get(method, method)) for method in session.amr)

    @admin.display(description=_("last seen at"), ordering=F("refresh_token__last_seen_at"))
    def last_seen_at(self, session: Session) -> str:
        return self.show(session.refresh_token.last_seen_at)

    @admin.display(description=_("last address"))
    def last_address(self, session: Session) -> str:
        return self.show(session.refresh_token.address)

    @admin.display(description=_("times refreshed"))
    def generation(self, session: Session) -> int:
        return session.refresh_token.generation

    @admin.display(description=_("ends unless used by"))
    def idle_expires_at(self, session: Session) -> str:
        return self.show(session.refresh_token.idle_expires_at)


@admin.register(Session)
class SessionAdmin(SessionRecordAdmin):
    """All sessions, newest first, each with a button to revoke it."""

    list_display = [
        "name",
        "user",
        "state",
        "address",
        "created_at",
        "last_seen_at",
        "expires_at",
    ]
    change_form_template = "admin/jwt_sessions/session/detail.html"

    def get_own_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(RevokeView.as_view(model_admin=self))
        return [
            overview_path(self),
            path("<path:object_id>/revoke/", view, name="jwt_sessions_session_revoke"),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        session = context["original"]
        may_revoke = not session.is_over and self.has_revoke_permission(request, session)
        context = {**context, "may_revoke": may_revoke}
        return super().render_change_form(request, context, *args, **kwargs)

    def has_revoke_permission(self, request: HttpRequest, session: Session | None = None) -> bool:
        """Return whether this operator may revoke sessions, or this session.

        A superuser's session is for superusers to end: it could be the one that stops an intruder.
        """
        if not request.user.has_perm(REVOKE):
            return False
        return session is None or not is_protected(session.user, operator=request.user)

    def log_revocation(self, request: HttpRequest, session: Session) -> None:
        """Put on record who revoked what."""
        self.log_change(request, session, gettext("Revoked."))


@admin.register(RevokedSession)
class RevokedSessionAdmin(SessionRecordAdmin):
    """The sessions that were ended before their time: when, why, by whom."""

    list_display = [
        "name",
        "user",
        "address",
        "created_at",
        "revoked_at",
        "revoked_reason",
        "revoker",
    ]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the history of the session itself, to who may see it: it is the same row."""
        if not request.user.has_perm("jwt_sessions.view_session"):
            return super().history_view(request, object_id, extra_context)
        address = f"{self.admin_site.name}:jwt_sessions_session_history"
        return HttpResponseRedirect(reverse(address, args=[object_id]))
