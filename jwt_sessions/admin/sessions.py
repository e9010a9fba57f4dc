from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import F
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from jwt_sessions.admin.revoking import RevokeView
from jwt_sessions.models import RevokedSession, Session

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.urls import URLPattern


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """A page of records: the list and the detail only."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class SessionRecordAdmin(ReadOnlyAdmin):
    """What the two screens of sessions share. No field here is a secret."""

    list_select_related = ["user", "refresh_token"]
    fieldsets = [
        (None, {"fields": ["id", "user", "kind", "state"]}),
        (_("Device"), {"fields": ["device_name", "device", "user_agent", "address"]}),
        (
            pgettext("history of a session", "Course"),
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
        (_("Revocation"), {"fields": ["revoked_at", "revoked_reason", "revoked_by"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        return super().get_queryset(request).select_related("user", "refresh_token", "revoked_by")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"user__{get_user_model().USERNAME_FIELD}"]

    @admin.display(description=_("state"))
    def state(self, session: Session) -> str:
        if session.is_revoked:
            return pgettext("state of a session", "revoked")
        now = timezone.now()
        if session.expires_at <= now or session.refresh_token.idle_expires_at <= now:
            return pgettext("state of a session", "expired")
        return pgettext("state of a session", "live")

    @admin.display(description=_("device"))
    def device(self, session: Session) -> str:
        return session.device

    @admin.display(description=_("device"))
    def device_or_name(self, session: Session) -> str:
        return session.device_name or session.device

    @admin.display(description=_("authentication methods"))
    def methods(self, session: Session) -> str:
        return ", ".join(session.amr)

    @admin.display(description=_("last seen at"), ordering=F("refresh_token__last_seen_at"))
    def last_seen_at(self, session: Session) -> Any:
        return session.refresh_token.last_seen_at

    @admin.display(description=_("last address"))
    def last_address(self, session: Session) -> str | None:
        return session.refresh_token.address

    @admin.display(description=_("times refreshed"))
    def generation(self, session: Session) -> int:
        return session.refresh_token.generation

    @admin.display(description=_("ends unless used by"))
    def idle_expires_at(self, session: Session) -> Any:
        return session.refresh_token.idle_expires_at


@admin.register(Session)
class SessionAdmin(SessionRecordAdmin):
    """All sessions, newest first, each with a button to revoke it."""

    list_display = [
        "id",
        "user",
        "device_or_name",
        "address",
        "created_at",
        "last_seen_at",
        "expires_at",
        "state",
    ]
    change_form_template = "admin/jwt_sessions/session/detail.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(RevokeView.as_view(model_admin=self))
        name = "jwt_sessions_session_revoke"
        return [path("<path:object_id>/revoke/", view, name=name), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        session = self.get_object(request, object_id)
        context = {
            **(extra_context or {}),
            "may_revoke": session is not None and self.has_revoke_permission(request, session),
        }
        return super().change_view(request, object_id, form_url, context)

    def has_revoke_permission(self, request: HttpRequest, session: Session) -> bool:
        """Return whether this operator may revoke this session, if it is not revoked already.

        A superuser's session is for superusers to end: it could be the one that stops an intruder.
        """
        if session.is_revoked or not request.user.has_perm("jwt_sessions.revoke_session"):
            return False
        return request.user.is_superuser or not getattr(session.user, "is_superuser", False)


@admin.register(RevokedSession)
class RevokedSessionAdmin(SessionRecordAdmin):
    """The sessions that were ended before their time: when, why, by whom."""

    list_display = [
        "id",
        "user",
        "device_or_name",
        "address",
        "created_at",
        "revoked_at",
        "revoked_reason",
        "revoked_by",
    ]
    list_select_related = ["user", "refresh_token", "revoked_by"]
