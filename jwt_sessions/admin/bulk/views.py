"""From criteria to a record: the form, the preview, the confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions import sessions
from jwt_sessions.admin.bulk.criteria import CriteriaForm, is_superuser_known
from jwt_sessions.admin.bulk.pages import BulkPage
from jwt_sessions.admin.bulk.people_by_name import names_of
from jwt_sessions.admin.bulk.prefill import prefill
from jwt_sessions.admin.bulk.preview import FOR_COUNTING, look_ahead, read_seal, seal
from jwt_sessions.admin.bulk.reason import ReasonForm
from jwt_sessions.admin.bulk.running import START
from jwt_sessions.admin.bulk.words import (
    about,
    count_people,
    count_sessions,
    grouped,
    tell_criteria,
)
from jwt_sessions.admin.permissions import may_view
from jwt_sessions.exceptions import UserGone

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from jwt_sessions.admin.bulk.preview import Outlook


class CriteriaPage(BulkPage):
    """The form, and what all who read it can answer: it again, or a preview."""

    template_name = "admin/jwt_sessions/bulkrevocation/new.html"
    preview_template_name = "admin/jwt_sessions/bulkrevocation/preview.html"
    title = _("Revoke sessions in bulk")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Whoever logs in again on the way comes back to an address that takes POST only.
        return self.go_to("new")

    def read_form(self, **data: Any) -> CriteriaForm:
        site = self.model_admin.admin_site
        return CriteriaForm(site=site, request=self.request, **data)

    def show_form(self, form: CriteriaForm, *, is_checked: bool = True) -> HttpResponse:
        context = {
            "form": form,
            "adminform": form.laid_out(),
            "errors": is_checked and form.errors,
            "media": self.model_admin.media + form.media,
            "ticked": form.count_ticked() and count_sessions(form.count_ticked()),
            "spares_superusers": form.spares_superusers and is_superuser_known(),
        }
        return self.render_to_response(self.get_context_data(**context))

    def show_preview(
        self, form: CriteriaForm, *, reason_form: ReasonForm | None = None, notice: str = ""
    ) -> HttpResponse:
        criteria: sessions.Criteria = form.cleaned_data["criteria"]
        outlook = look_ahead(criteria, operator=self.request.user)
        # The question, and whether it is asked, are those of now.
        data = reason_form.data if reason_form else None
        question = ask(outlook)
        form_of_reason = ReasonForm(data, question=question)
        context = {
            "title": gettext("Revoke these sessions?"),
            "form": form,
            "reason_form": form_of_reason,
            "adminform": form_of_reason.laid_out(),
            "errors": form_of_reason.errors,
            "notice": notice,
            "outlook": outlook,
            "criteria": tell_criteria(criteria),
            "seal": seal(criteria, operator=self.request.user, is_great_part=outlook.is_great_part),
            "sample": self._sample(outlook),
            **tell(outlook),
        }
        self.template_name = self.preview_template_name
        return self.render_to_response(self.get_context_data(**context))

    def _sample(self, outlook: Outlook) -> list[tuple[str, str, str]]:
        """Return people with their page and how many sessions; who may not look sees none."""
        if not self.model_admin.may_view_sessions(self.request):
            return []
        sample = outlook.preview.sample
        return [(str(user), self._address_of(user), grouped(number)) for user, number in sample]

    def _address_of(self, user: Any) -> str:
        model = get_user_model()
        site = self.model_admin.admin_site
        if not may_view(model, site, self.request):
            return ""
        name = f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_change"
        try:
            return reverse(name, args=[user.pk])
        except NoReverseMatch:
            return ""


class NewView(CriteriaPage):
    """The form to begin with; the query string fills it in."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        initial = prefill(request.GET)
        form = self.read_form(initial=initial)
        if "users" not in form.fields and self.model_admin.may_view_sessions(request):
            # They cannot be picked here, but named.
            named = names_of(initial.get("users", []))
            initial["names"] = "\n".join(filter(None, [named, initial.get("names", "")]))
        return self.show_form(form, is_checked=False)


class PreviewView(CriteriaPage):
    """Whom it would concern. It changes nothing."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Those ticked in the list of sessions are no fields of a form.
        form = self.read_form(data=kwargs or request.POST)
        return self.show_preview(form) if form.is_valid() else self.show_form(form)


class ConfirmView(CriteriaPage):
    """Put on record what was previewed; then it runs, or waits for the command line."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.read_form(data=request.POST)
        if not form.is_valid() or "back" in request.POST:
            return self.show_form(form)
        seen = read_seal(
            request.POST.get("seal", ""), form.cleaned_data["criteria"], operator=request.user
        )
        reason_form = ReasonForm(request.POST, question="?" if seen else "")
        if seen is None:
            notice = gettext("Nothing was revoked yet. Please look at this first.")
            return self.show_preview(form, reason_form=reason_form, notice=notice)
        if not reason_form.is_valid():
            return self.show_preview(form, reason_form=reason_form)
        return self.record(form.cleaned_data["criteria"], reason_form.cleaned_data)

    def record(self, criteria: sessions.Criteria, why: dict[str, Any]) -> HttpResponse:
        try:
            record = sessions.record_revocation(
                criteria,
                reason=why["reason"],
                note=why["note"],
                by=self.request.user,
                seconds=FOR_COUNTING,
            )
        except UserGone as error:
            raise PermissionDenied from error
        self.model_admin.log_confirmation(self.request, record)
        if "later" not in self.request.POST:
            self.request.session[START] = record.pk
        return self.go_to("run", record.pk)


def tell(outlook: Outlook) -> dict[str, str]:
    """Return how many sessions of how many people, in words."""
    is_estimate = outlook.preview.is_estimate
    return {
        "sessions": about(count_sessions(outlook.count), is_estimate=is_estimate),
        "people": about(count_people(outlook.people), is_estimate=is_estimate),
    }


def ask(outlook: Outlook) -> str:
    """Return the question that must be answered by a tick; "" where a button is enough."""
    if not outlook.is_great_part:
        return ""
    return gettext("I know that this signs out %(people)s.") % {"people": tell(outlook)["people"]}
