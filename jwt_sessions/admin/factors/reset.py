"""Reset the second factor of somebody who has lost it, on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions import clients, mfa
from jwt_sessions.admin.factors.person import AboutPersonView, say_devices, say_sessions
from jwt_sessions.admin.permissions import RESET_SECOND_FACTOR
from jwt_sessions.exceptions import UserGone
from jwt_sessions.mfa.changing import REASON_LENGTH, Reset
from jwt_sessions.models import Session, session_alias

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class ReasonForm(forms.Form):
    """Why it is done."""

    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Why you do it, and how you know who asks. It is kept on record."),
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
    )

    def clean_reason(self) -> str:
        """Return the reason in one line; what only looks like one is none."""
        reason = clients.clean_text(self.cleaned_data["reason"], REASON_LENGTH)
        if not reason:
            raise forms.ValidationError(self.fields["reason"].error_messages["required"])
        return reason


class ResetView(AboutPersonView):
    """Tell what would go (GET), then remove it and end the person's sessions (POST)."""

    template_name = "admin/jwt_sessions/factors/reset.html"
    http_method_names = ["get", "head", "post"]
    title = _("Reset the second factor of %(user)s?")

    def is_allowed(self, request: HttpRequest) -> bool:
        return super().is_allowed(request) and request.user.has_perm(RESET_SECOND_FACTOR)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.ask(ReasonForm())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = ReasonForm(request.POST)
        return self.reset(form.cleaned_data["reason"]) if form.is_valid() else self.ask(form)

    def ask(self, form: ReasonForm) -> HttpResponse:
        self.refuse_if_spared()
        context = self.get_context_data(form=form)
        if not context["devices"]:
            messages.info(self.request, gettext("There is no second factor to reset."))
            return self.back()
        return self.render_to_response(context)

    def refuse_if_spared(self) -> None:
        if not self.may_reset():
            raise PermissionDenied

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        # All that `revoke_all` ends, those that lay unused for too long too.
        ending = Session.objects.filter(user_id=self.person.pk).unexpired().unrevoked()
        return {
            **super().get_context_data(**kwargs),
            "errors": kwargs["form"].errors,
            "session_count": ending.count(),
            "is_required": mfa.is_required(self.person),
            "person_address": self.find_address(),
        }

    def reset(self, reason: str) -> HttpResponse:
        self.refuse_if_spared()
        try:
            # What is put on record of it stands or falls with it.
            with transaction.atomic(using=session_alias()):
                done = self.reset_and_log(reason)
        except UserGone:
            messages.error(self.request, gettext("The account was deleted meanwhile."))
            site = self.model_admin.admin_site.name
            return HttpResponseRedirect(reverse(f"{site}:jwt_sessions_encryptedtotp_changelist"))
        text = gettext("The second factor of %(user)s is reset.") % {"user": self.person}
        messages.success(self.request, f"{text} {say(done)}")
        return self.back()

    def reset_and_log(self, reason: str) -> Reset:
        by, request = self.request.user, self.request
        done = mfa.changing.reset(
            self.person, by=by, reason=reason, end_sessions=True, request=request
        )
        self.log(done, reason)
        return done

    def log(self, done: Reset, reason: str) -> None:
        why = gettext("Reason: %(reason)s") % {"reason": reason}
        message = " ".join([gettext("Second factor reset."), say(done), why])
        self.model_admin.log_change(self.request, self.person, message)

    def back(self) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.find_address() or "")


def say(done: Reset) -> str:
    """Return what a reset did, in words."""
    return f"{say_devices(done.devices)} {say_sessions(done.sessions)}"
