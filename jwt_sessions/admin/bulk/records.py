"""The records of bulk revocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import path, reverse
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from jwt_sessions.admin.bulk.exporting import download
from jwt_sessions.admin.bulk.running import RunView, StepView, may_run
from jwt_sessions.admin.bulk.views import ConfirmView, NewView, PreviewView
from jwt_sessions.admin.bulk.words import (
    about,
    count_sessions,
    grouped,
    read_criteria,
    tell_criteria_of,
    tell_duration,
    tell_shortly,
)
from jwt_sessions.admin.permissions import BULK_REVOKE, VIEW_SESSION, may_view
from jwt_sessions.admin.read_only import ReadOnlyAdmin
from jwt_sessions.autocommit import in_autocommit
from jwt_sessions.models import BulkRevocation, BulkRevocationReason, RevokedSession

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern


class StateFilter(admin.SimpleListFilter):
    """Finished or not."""

    title = pgettext_lazy("of a bulk revocation", "state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("finished", pgettext_lazy("state of a bulk revocation", "finished")),
            ("unfinished", pgettext_lazy("state of a bulk revocation", "not finished")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() in {"finished", "unfinished"}:
            return queryset.filter(finished_at__isnull=self.value() == "unfinished")
        return queryset


class ReasonFilter(admin.SimpleListFilter):
    """Why. What is no reason is no filter, and no error of a database."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return BulkRevocationReason.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        is_reason = self.value() in BulkRevocationReason.values
        return queryset.filter(reason=self.value()) if is_reason else queryset


@admin.register(BulkRevocation)
class BulkRevocationAdmin(ReadOnlyAdmin):
    """Who revoked many sessions at once: when, why, which and how many."""

    list_display = ["number", "started_at", "by", "reason", "progress", "state", "duration"]
    list_filter = [StateFilter, ReasonFilter]
    list_select_related = ["by"]
    fieldsets = [
        (None, {"fields": ["number", "state", "by", "reason", "note"]}),
        (_("Which sessions"), {"fields": ["which", "total_in_words", "done_in_words"]}),
        (
            pgettext_lazy("when a bulk revocation ran", "Time"),
            {"fields": ["started_at", "finished_at", "duration"]},
        ),
    ]
    change_list_template = "admin/jwt_sessions/bulkrevocation/list.html"
    change_form_template = "admin/jwt_sessions/bulkrevocation/detail.html"

    def get_own_urls(self) -> list[URLPattern]:
        def own(address: str, view: Any, name: str) -> URLPattern:
            view = in_autocommit(self.admin_site.admin_view(view))
            pattern: URLPattern = path(address, view, name=f"jwt_sessions_bulkrevocation_{name}")
            return pattern

        return [
            own("new/", NewView.as_view(model_admin=self), "new"),
            own("new/preview/", PreviewView.as_view(model_admin=self), "preview"),
            own("new/confirm/", ConfirmView.as_view(model_admin=self), "confirm"),
            own("<int:pk>/run/", RunView.as_view(model_admin=self), "run"),
            own("<int:pk>/step/", StepView.as_view(model_admin=self), "step"),
            own("<int:pk>/csv/", require_GET(self.csv_view), "csv"),
        ]

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Refuse what no filter asks: some lookups of a database fail on some values."""
        if lookup in {getattr(each, "parameter_name", None) for each in self.list_filter}:
            return True
        is_of_filter = lookup.partition("__")[0] in self.list_filter
        return is_of_filter and super().lookup_allowed(lookup, value, request)

    def csv_view(self, request: HttpRequest, pk: int) -> Any:
        """Download the sessions of a record."""
        return download(request, self, pk)

    def has_bulkrevoke_permission(self, request: HttpRequest) -> bool:
        """Return whether this operator may revoke many sessions at once."""
        return request.user.has_perm(BULK_REVOKE)

    def may_view_sessions(self, request: HttpRequest) -> bool:
        """Return whether this operator may see whose sessions they are."""
        return request.user.has_perm(VIEW_SESSION)

    def may_download(self, request: HttpRequest) -> bool:
        """Return whether this operator may have the list of sessions of a record."""
        return self.has_view_permission(request) and self.may_view_sessions(request)

    def log_confirmation(self, request: HttpRequest, record: BulkRevocation) -> None:
        """Put on record who confirmed what."""
        total = about(count_sessions(record.total), is_estimate=record.total_is_estimate)
        words = {"total": total, "reason": record.get_reason_display()}
        self.log_addition(request, record, gettext("Confirmed: %(total)s, %(reason)s.") % words)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        offer = {"may_revoke": self.has_bulkrevoke_permission(request)}
        return super().changelist_view(request, {**offer, **(extra_context or {})})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        record: BulkRevocation = context["original"]
        may_revoke = self.has_bulkrevoke_permission(request)
        is_readable = read_criteria(record) is not None
        offer = {
            "is_left": not record.is_finished and not is_readable,
            "may_go_on": may_revoke
            and not record.is_finished
            and is_readable
            and may_run(record, operator=request.user),
            "may_download": self.may_download(request),
            "sessions_address": self._address_of_sessions(request, record),
        }
        return super().render_change_form(request, {**context, **offer}, *args, **kwargs)

    def _address_of_sessions(self, request: HttpRequest, record: BulkRevocation) -> str:
        if not may_view(RevokedSession, self.admin_site, request):
            return ""
        address = reverse(f"{self.admin_site.name}:jwt_sessions_revokedsession_changelist")
        return f"{address}?bulk_revocation={record.pk}"

    @admin.display(description=pgettext_lazy("of a bulk revocation", "number"), ordering="id")
    def number(self, record: BulkRevocation) -> str:
        return str(record.pk)

    @admin.display(description=pgettext_lazy("of a bulk revocation", "revoked"))
    def progress(self, record: BulkRevocation) -> str:
        return tell_shortly(record)

    @admin.display(description=pgettext_lazy("of a bulk revocation", "state"))
    def state(self, record: BulkRevocation) -> str:
        if record.is_finished:
            return pgettext("state of a bulk revocation", "finished")
        return pgettext("state of a bulk revocation", "not finished")

    @admin.display(description=pgettext_lazy("of a bulk revocation", "duration"))
    def duration(self, record: BulkRevocation) -> str:
        if record.finished_at is None:
            return self.show(None)
        return tell_duration(record.finished_at - record.started_at)

    @admin.display(description=_("sessions meant"))
    def which(self, record: BulkRevocation) -> str:
        return "\n".join(tell_criteria_of(record))

    @admin.display(description=_("live when it began"))
    def total_in_words(self, record: BulkRevocation) -> str:
        return about(count_sessions(record.total), is_estimate=record.total_is_estimate)

    @admin.display(description=_("revoked"))
    def done_in_words(self, record: BulkRevocation) -> str:
        return grouped(record.done)
