"""The forms of the two steps."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.debug import sensitive_variables

from jwt_sessions import accounts
from jwt_sessions.mfa.proving import MAX_LENGTH
from jwt_sessions.revocation import may_sign_in


class ProvenPasswordMixin:
    """Mixed into a login form: says no in one way, and ends no session by saying yes."""

    @sensitive_variables()
    def clean(self) -> Any:
        """Prove the password; a hash that is upgraded on the way ends no session."""
        with accounts.proving(self.cleaned_data.get("password")):  # type: ignore[attr-defined]  # a form's
            return super().clean()  # type: ignore[misc]  # a form's

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse who may not sign in, in the words for a wrong password."""
        if not (user.is_active and may_sign_in(user)):
            raise self.get_invalid_login_error()  # type: ignore[attr-defined]  # a form's
        super().confirm_login_allowed(user)  # type: ignore[misc]  # a form's

    @property
    def is_tried(self) -> bool:
        """Whether there was a name and a password to judge."""
        cleaned: dict[str, Any] = self.cleaned_data  # type: ignore[attr-defined]  # a form's
        return {"username", "password"} <= cleaned.keys()


def password_form(form_class: type[forms.Form]) -> Any:
    """Return a login form with what we add to it."""
    return type("PasswordForm", (ProvenPasswordMixin, form_class), {})


class CodeInput(forms.PasswordInput):
    """Shows what is typed, yet never repeats it: a code may still be good."""

    input_type = "text"


class CodeForm(forms.Form):
    """A code of whatever kind; only its device knows what it looks like."""

    code = forms.CharField(
        label=pgettext_lazy("of a second factor", "Code"),
        max_length=MAX_LENGTH,
        widget=CodeInput(attrs={"autofocus": True, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, is_recovery_code: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hints = {"inputmode": "numeric", "autocomplete": "one-time-code"}
        help_text = _("The code that your authenticator app shows, or that was sent to you.")
        if is_recovery_code:  # a keypad has no letters
            hints = {"autocomplete": "off", "autocapitalize": "characters"}
            help_text = _("One of the codes that you have written down. Each works once.")
        self.fields["code"].widget.attrs.update(hints)
        self.fields["code"].help_text = help_text

    def clean_code(self) -> str:
        """Return the code without the blanks that apps show and people copy."""
        return "".join(self.cleaned_data["code"].split())
