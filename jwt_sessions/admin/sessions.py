from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpResponseRedirect
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from jwt_sessions.admin.bulk.action import may_revoke_in_bulk, revoke_selected
from jwt_sessions.admin.lists.filters import (
    BulkFilter,
    KindFilter,
    PersonFilter,
    ReasonFilter,
    RevokedFilter,
    SecondFactorFilter,
    SignedInFilter,
    StateFilter,
)
from jwt_sessions.admin.lists.finding import (
    Found,
    by_bulk_revocation,
    by_person,
    narrow,
    sessions_by_text,
)
from jwt_sessions.admin.lists.keyset import KeysetAdmin
from jwt_sessions.admin.overview.page import overview_path
from jwt_sessions.admin.permissions import REVOKE, is_protected, may_view
from jwt_sessions.admin.revoking import RevokeView
from jwt_sessions.admin.timeline import tell
from jwt_sessions.claims import (
    AMR_MULTIPLE_FACTORS,
    AMR_ONE_TIME_CODE,
    AMR_PASSWORD,
    AMR_SMS,
)
from jwt_sessions.models import RevokedReason, RevokedSession, Session
from jwt_sessions.models.identifiers import made_at
from jwt_sessions.revocation import why_dead

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from jwt_sessions.admin.lists.keyset import Place

METHODS = {
    AMR_PASSWORD: _("password"),
    AMR_ONE_TIME_CODE: _("code"),
    AMR_SMS: pgettext_lazy("a text message", "SMS"),
    AMR_MULTIPLE_FACTORS: _("two factors"),
}


class SessionRecordAdmin(KeysetAdmin):
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
        (
            _("Revocation"),
            {"fields": ["revoked_at", "revoked_reason", "revoker", "in_bulk"]},
        ),
    ]
    change_form_template = "admin/jwt_sessions/session/detail.html"
    search_help_text = _(
        "A person by the name they sign in with, in full; an address, its beginning, or a network "
        "such as 192.0.2.0/24; the beginning of a device's name; or a session id."
    )
    # Fields of the user model that people are found by, each with an index and in full.
    user_search_fields: list[str] | None = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        along = ("user", "refresh_token", "revoked_by", "bulk_revocation__by")
        return super().get_queryset(request).select_related(*along)

    def find(self, text: str, params: Any) -> Found:
        """Return what is found by the text in the search box, and by parameters of the address."""
        groups = [sessions_by_text(text, self.user_search_fields)] if text else []
        for name, lookup in (("user", by_person), ("bulk_revocation", by_bulk_revocation)):
            if name in params:
                groups.append([*lookup(params[name])])
        return narrow(Session.objects.all(), *groups)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        session = context["original"]
        told = tell(session, methods=self.methods(session))
        context = {**context, "timeline": told, "title": session.display_name, "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("bulk revocation"))
    def in_bulk(self, session: Session) -> str:
        """Link to the record, which shows it to who may see it."""
        record = session.bulk_revocation
        if record is None:
            return self.show(None)
        text = f"{record.pk}: {record.get_reason_display()}"
        with suppress(NoReverseMatch):
            name = f"{self.admin_site.name}:jwt_sessions_bulkrevocation_change"
            return format_html('<a href="{}">{}</a>', reverse(name, args=[record.pk]), text)
        return text

    @admin.display(description=_("revoked by"))
    def revoker(self, session: Session) -> str:
        return self.show(session.revoker and str(session.revoker))

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

    @admin.display(description=_("last seen at"))
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

    change_list_template = "admin/jwt_sessions/session/list.html"
    list_display = [
        "name",
        "user",
        "state",
        "address",
        "created_at",
        "last_seen_at",
        "expires_at",
        "methods",
    ]
    actions = [revoke_selected]
    list_filter = [
        SignedInFilter,
        StateFilter,
        SecondFactorFilter,
        ReasonFilter,
        KindFilter,
        PersonFilter,
    ]

    def read_place(self, text: str) -> Place | None:
        """Return a place in the order that stands in an address, or None."""
        with suppress(ValueError):
            return (UUID(text),)
        return None

    def write_place(self, place: Place) -> str:
        """Return a place for an address."""
        return str(place[0])

    def moment_of(self, place: Place) -> datetime:
        """Return which moment a place is, for people."""
        moment = made_at(place[0])
        return moment if timezone.is_aware(timezone.now()) else timezone.make_naive(moment)

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

    def has_bulkrevoke_permission(self, request: HttpRequest) -> bool:
        """Return whether this operator may revoke the rows that are ticked."""
        return may_revoke_in_bulk(self.admin_site, request)

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
        "in_bulk",
    ]
    list_filter = [RevokedFilter, ReasonFilter, PersonFilter, BulkFilter]
    # As the index has it. Of those revoked at one moment, no two end at the same one, or hardly.
    key = ("revoked_at", "expires_at", "pk")

    def read_place(self, text: str) -> Place | None:
        """Return the place of the session with the id that stands in an address, or None."""
        with suppress(ValueError):
            return Session.objects.revoked().filter(pk=UUID(text)).values_list(*self.key).first()
        return None

    def write_place(self, place: Place) -> str:
        """Return a place for an address."""
        return str(place[-1])

    def moment_of(self, place: Place) -> datetime:
        """Return which moment a place is, for people."""
        moment: datetime = place[0]
        return moment

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the history of the session itself, to who may see it: it is the same row."""
        if not may_view(Session, self.admin_site, request):
            return super().history_view(request, object_id, extra_context)
        address = f"{self.admin_site.name}:jwt_sessions_session_history"
        return HttpResponseRedirect(reverse(address, args=[object_id]))
