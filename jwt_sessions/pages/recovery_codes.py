"""Recovery codes: how many are left, new ones, and how to keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions.conf import conf
from jwt_sessions.exceptions import FactorNeeded
from jwt_sessions.mfa import recovery_codes
from jwt_sessions.models.recovery_codes import CODES, normalize
from jwt_sessions.pages.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

LINE: Final = "\r\n"  # for whichever editor opens the file


class RecoveryCodesPage(Page):
    """How many are left; new ones are made by a recent login, and shown this once."""

    template_name = "recovery_codes.html"
    title = _("Recovery codes")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make new ones."""
        self.ask_for_recent_login()
        try:
            codes = recovery_codes.renew(self.person, session=self.session, request=request)
        except FactorNeeded:
            return self.send_to("second_factor")
        return show_new_codes(self, codes)


class ShownCodesForm(forms.Form):
    """The codes that a page shows: they come back with what is done there, and are kept nowhere."""

    codes = forms.CharField(max_length=20 * CODES, widget=forms.HiddenInput)

    def clean_codes(self) -> list[str]:
        """Return them, if they are as ours are."""
        codes: list[str] = self.cleaned_data["codes"].split()
        if not 0 < len(codes) <= CODES or not all(map(normalize, codes)):
            raise forms.ValidationError(gettext("These are no recovery codes."))
        return codes


class ShownCodesPage(Page):
    """What can be done with codes that are shown."""

    http_method_names = ["post"]
    admits_enrollment = True

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do it."""
        form = ShownCodesForm(request.POST)
        if not form.is_valid():
            return self.send_to("recovery_codes")
        return self.act(form.cleaned_data["codes"])

    def act(self, codes: list[str]) -> HttpResponse:
        """Answer with what comes of it."""
        raise NotImplementedError


class DownloadView(ShownCodesPage):
    """The same codes as a file."""

    def act(self, codes: list[str]) -> HttpResponse:
        """Return it."""
        today = timezone.localdate()
        lines = [
            gettext("Recovery codes for %(site)s") % {"site": conf.MFA_ISSUER_NAME},
            str(self.person.get_username()),
            gettext("Made on %(date)s. Each works once.") % {"date": today.isoformat()},
            "",
            *codes,
        ]
        name = f"recovery-codes-{today.isoformat()}.txt"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        text = LINE.join(lines) + LINE
        return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


class SavedView(ShownCodesPage):
    """Go on, once they are kept somewhere."""

    def act(self, codes: list[str]) -> HttpResponse:
        """Go on, or show them again."""
        if "saved" not in self.request.POST:
            error = gettext("Please save the codes first: they cannot be shown again.")
            return show_new_codes(self, codes, error=error)
        self.say(gettext("Your recovery codes are ready for the day you need one."))
        return self.send_to("second_factor", query={"changed": "yes"})


def show_new_codes(page: Page, codes: Sequence[str], **context: Any) -> HttpResponse:
    """Show codes that cannot be shown again."""
    page.template_name = "new_recovery_codes.html"  # type: ignore[misc]  # of this one request
    form = ShownCodesForm(initial={"codes": " ".join(codes)})
    context.setdefault("title", gettext("Save your recovery codes"))
    return page.show(codes=codes, form=form, codes_left=None, **context)
