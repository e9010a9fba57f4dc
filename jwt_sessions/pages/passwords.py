"""Change the password: every other device is signed out by that."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth.forms import PasswordChangeForm
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions import accounts
from jwt_sessions.browser_sessions.passwords import change_password
from jwt_sessions.pages.page import Page, has_password, limited, page_not_found
from jwt_sessions.throttling import SignInThrottle

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class PasswordPage(Page):
    """The old one once, the new one twice."""

    template_name = "password.html"
    title = _("Change your password")

    def refuse(self) -> None:
        """Ask for the second factor, too, of who has one; the old password is asked for below."""
        super().refuse()
        if not has_password(self.person):
            raise page_not_found()
        self.ask_for_both_factors()

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask."""
        return self.show(form=PasswordChangeForm(self.person))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do it."""
        form: Any = PasswordChangeForm(self.person, request.POST)
        name = self.person.get_username()
        show = partial(self.show, form=PasswordChangeForm(self.person))
        with limited(request, SignInThrottle(), name=name, show=show) as this:
            with accounts.proving(request.POST.get("old_password")):
                is_valid = form.is_valid()
            this.has_failed = form.has_error("old_password", "password_incorrect")
        if not is_valid:
            return self.show(form=form)
        if not change_password(self.visit, form):
            return self.send_to("sign_in")
        self.say(gettext("Your password is changed. All your other devices are signed out."))
        return self.send_to("overview")
