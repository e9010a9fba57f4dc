"""Prove again that it is you, before anything that weakens the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from jwt_sessions import accounts
from jwt_sessions.browser_sessions.destinations import CODE, SIGN_IN
from jwt_sessions.browser_sessions.visits import visit_of
from jwt_sessions.claims import AMR_PASSWORD, without_factors
from jwt_sessions.pages.page import has_password
from jwt_sessions.pages.signing_in import TwoStepPage
from jwt_sessions.two_step_login.awaited import Awaited
from jwt_sessions.two_step_login.view import LOGIN_OVER

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


class OwnPasswordForm(forms.Form):
    """The password of who is signed in, for those who have no second factor."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        # As the form of a login is called, whose place this one takes.
        kwargs.pop("initial", None)
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        """Refuse what is not the password of who is signed in."""
        password: str = self.cleaned_data["password"]
        visit = visit_of(self.request)
        person: Any = None if visit is None else visit.person
        credentials = {type(person).USERNAME_FIELD: person.get_username(), "password": password}
        found = accounts.prove_password(self.request, credentials)
        if found is None or found.pk != person.pk:
            raise forms.ValidationError(_("This password is not right."), code="invalid_password")
        return password

    @property
    def is_tried(self) -> bool:
        """Whether there was a password to judge."""
        return bool(self.data.get("password"))


class ConfirmPage(TwoStepPage):
    """A code of who has a second factor, the password of others."""

    template_name = "jwt_sessions/pages/confirm.html"
    password_title = _("Confirm that it is you")
    code_title = _("Confirm that it is you")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer who is signed in."""
        if self.due == CODE or self.person is None:
            return HttpResponseRedirect(reverse(SIGN_IN))
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask for what there is to prove."""
        awaited = Awaited.after_session(request)
        return self.ask_for_code(awaited) if awaited else self.ask_for_password()

    @property
    def person(self) -> Any:
        """Who is signed in, or None."""
        visit = visit_of(self.request)
        return None if visit is None else visit.person

    def is_half_way_in(self) -> bool:
        """Return whether a code is asked for: of everybody who can enter one."""
        return True

    def name_typed(self) -> str:
        """Return whose password is tried."""
        return str(self.person.get_username())

    def take_password(self) -> HttpResponse:
        """Take the password of who has no second factor: it must not open what needs both."""
        awaited = Awaited.after_session(self.request)
        if awaited is not None:
            return self.ask_for_code(awaited)
        form: Any = self.get_form()
        if not form.is_valid():
            self.has_failed = form.is_tried
            return self.ask_for_password(form)
        visit: Any = visit_of(self.request)
        # A second factor that was proven before, and is gone by now, was not proven again.
        amr = dict.fromkeys([*without_factors(visit.credential.amr), AMR_PASSWORD])
        if not visit.prove(list(amr)):
            return self.ask_for_password(alert=LOGIN_OVER)
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the template needs, for who has no password here too."""
        return super().get_context_data(has_password=has_password(self.person), **kwargs)

    def get_form_class(self) -> Any:
        """Return the form of the password alone."""
        return OwnPasswordForm
