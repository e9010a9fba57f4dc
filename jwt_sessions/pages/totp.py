"""Turn on an authenticator app, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions.conf import TOTP
from jwt_sessions.exceptions import TooManyDevices
from jwt_sessions.mfa import enrollment
from jwt_sessions.models import EncryptedTOTP
from jwt_sessions.models.device import NAME_LENGTH
from jwt_sessions.pages.enrolling import EnrollingPage, FirstCodeForm
from jwt_sessions.pages.factors import FactorNameForm, is_offered
from jwt_sessions.pages.page import page_not_found

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class TOTPPage(EnrollingPage):
    """Get an app, let it see the QR code, type the first code."""

    template_name = "totp.html"
    title = _("Set up an authenticator app")
    model = EncryptedTOTP

    def refuse(self) -> None:
        """Offer it where the project does."""
        super().refuse()
        if not is_offered(TOTP):
            raise page_not_found()

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show how far it is."""
        return self.show_begun()

    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin, or take the first code."""
        if "code" in request.POST:
            begun = enrollment.find_totp(self.person)
            return self.take_code(None if begun is None else begun.device_id)
        form = FactorNameForm(request.POST)
        try:
            enrollment.begin_totp(self.person, name=form.data.get("name", "")[:NAME_LENGTH])
        except TooManyDevices:
            text = gettext("You have too many devices. Remove one of them first.")
            self.say(text, level=messages.ERROR)
            return self.send_to("second_factor")
        return self.send_to("totp")

    def show_begun(self, **context: Any) -> HttpResponse:
        """Show the QR code, once there is one."""
        begun = enrollment.find_totp(self.person)
        # Drawn by a library, of a text of ours.
        picture = mark_safe(begun.qr_svg) if begun else ""  # noqa: S308
        shown = {"form": FirstCodeForm(), "name_length": NAME_LENGTH, **context}
        return self.show(begun=begun, picture=picture, **shown)
