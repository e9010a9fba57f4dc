"""The form that is asked together with the confirmation of a bulk revocation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.helpers import AdminForm
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions.models import BulkRevocationReason


class ReasonForm(forms.Form):
    """Why, and whether it is meant."""

    reason = forms.ChoiceField(
        label=_("Reason"), choices=[("", "---------"), *BulkRevocationReason.choices]
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text=_("For the record: what happened, who asked for it. Never a password or a code."),
    )
    is_sure = forms.BooleanField(error_messages={"required": _("Tick this if it is so.")})

    def __init__(self, *args: Any, question: str, **kwargs: Any) -> None:
        """Ask for a tick at `question`, unless that is empty."""
        super().__init__(*args, **kwargs)
        if question:
            self.fields["is_sure"].label = question
        else:
            del self.fields["is_sure"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("reason") == BulkRevocationReason.OTHER and not data.get("note"):
            self.add_error("note", gettext("Say what the reason is."))
        return data

    def laid_out(self) -> AdminForm:
        """Return it as Django's admin lays out its forms."""
        form: Any = self  # which need not be of a model
        return AdminForm(form, [(None, {"fields": list(self.fields)})], {})
