"""The two steps of the admin's login: the password, and whoever waits to enter a code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import BACKEND_SESSION_KEY
from django.core.signing import BadSignature, Signer
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.debug import sensitive_variables

from jwt_sessions import accounts
from jwt_sessions.mfa import (
    has_second_factor,
    list_devices,
    pending_logins,
    prove,
    recovery_codes,
)
from jwt_sessions.mfa.proving import MAX_LENGTH
from jwt_sessions.revocation import may_sign_in
from jwt_sessions.sessions import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest

    from jwt_sessions.mfa import OwnedDevice, Proof

SALT: Final = "jwt_sessions.admin.login"


class ProvenPasswordMixin:
    """Mixed into an admin's login form: says no in one way, and ends no session by saying yes."""

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


def password_form(form_class: Any) -> Any:
    """Return a site's login form, or Django's where it has none, with what we add to it."""
    return type("PasswordForm", (ProvenPasswordMixin, form_class or AdminAuthenticationForm), {})


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


@dataclass(frozen=True, slots=True)
class Awaited:
    """Somebody who has given the first factor, and whose code is awaited.

    `mfa_token` stands for a password given here, and for nothing else; it is empty for who has a
    cookie session from elsewhere. `backend` is the one of Django's that knew them.
    """

    user: Any
    backend: str | None
    mfa_token: str = field(default="", repr=False)

    @classmethod
    def after_password(cls, user: Any) -> Self | None:
        """Let a login wait for the code; None for who has no factor. Raises ``UserGone``."""
        needed = pending_logins.begin(user)
        return None if needed is None else cls(user, user.backend, needed.mfa_token)

    @classmethod
    def after_session(cls, request: HttpRequest) -> Self | None:
        """Return who is signed in, if they have a factor to prove."""
        if not has_second_factor(request.user):
            return None
        return cls(request.user, request.session.get(BACKEND_SESSION_KEY))

    @classmethod
    def find(cls, mfa_token: str, signed_backend: str) -> Self | None:
        """Return whose login waits, if it began at this page and is not over."""
        pending = pending_logins.find(mfa_token, now=timezone.now())
        if isinstance(pending, Refusal):
            return None
        try:
            backend = _signer(mfa_token).unsign(signed_backend)
        except BadSignature:
            return None
        return cls(pending.user, backend, mfa_token)

    @property
    def signed_backend(self) -> str:
        """What the page carries, so that a login ends with the backend that it began with."""
        return _signer(self.mfa_token).sign(self.backend or "") if self.mfa_token else ""

    def devices(self) -> list[OwnedDevice]:
        """Return what they can prove themselves by."""
        return list_devices(self.user)

    def prove(self, code: str, *, request: HttpRequest) -> tuple[Proof, int | None] | Refusal:
        """Spend a code, and the login; return the proof and how many recovery codes are left.

        The number is None where none of them was used.
        """

        def note(proof: Proof) -> tuple[Proof, int | None]:
            left = recovery_codes.tell_of_use(self.user, proof, session=None, request=request)
            return proof, left

        if not self.mfa_token:
            return prove(self.user, code, request=request, then=note)
        return pending_logins.complete(
            self.mfa_token, code, request=request, then=lambda _pending, proof: note(proof)
        )


def _signer(mfa_token: str) -> Signer:
    return Signer(salt=f"{SALT} {mfa_token}")
