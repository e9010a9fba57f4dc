"""The last step of adding a second factor: a first code of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django_otp
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions.claims import add_factor
from jwt_sessions.exceptions import ProofNeeded
from jwt_sessions.mfa import enrollment
from jwt_sessions.mfa.devices import find_device
from jwt_sessions.mfa.proving import amr_of
from jwt_sessions.pages.page import Page, limited
from jwt_sessions.pages.recovery_codes import show_new_codes
from jwt_sessions.sessions import Refusal
from jwt_sessions.throttling import CodeThrottle
from jwt_sessions.two_step_login.forms import CodeForm
from jwt_sessions.two_step_login.view import WRONG_CODE_IN_SESSION

if TYPE_CHECKING:
    from django.http import HttpResponse

    from jwt_sessions.models import FactorDevice

TOO_LATE = _("This took too long. Please begin again.")


class FirstCodeForm(CodeForm):
    """The six digits that an app shows, or a message brings; apps part them in the middle."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.help_text = _("Six digits.")
        field.widget.attrs |= {"pattern": "[0-9]{3} ?[0-9]{3}", "maxlength": 7}


class EnrollingPage(Page):
    """What the pages share that add a second factor."""

    admits_enrollment = True
    needs_recent_login = True
    model: type[FactorDevice]

    def take_code(self, device_id: str | None) -> HttpResponse:
        """Let the device that was begun, if one still is, count by a first code of its own."""
        if device_id is None:
            return self.show_begun(alert=TOO_LATE)
        form = FirstCodeForm(self.request.POST)
        if not form.is_valid():
            return self.show_begun(form=form)
        with limited(self.request, CodeThrottle(), show=self.show_begun) as this:
            try:
                outcome = enrollment.confirm(
                    self.model,
                    device_id,
                    form.cleaned_data["code"],
                    session=self.session,
                    is_proven=self.credential.has_proven_factors,
                    request=self.request,
                )
            except ProofNeeded:
                return self.send_to("confirm", and_back=True)
            this.has_failed = isinstance(outcome, Refusal)
        if not isinstance(outcome, Refusal):
            return self.let_count(device_id, outcome)
        if outcome.reason == "session_revoked":
            return self.send_to("sign_in")
        if outcome.reason == "device_unknown":
            return self.show_begun(alert=TOO_LATE)
        form.add_error("code", WRONG_CODE_IN_SESSION)
        return self.show_begun(form=form)

    def let_count(self, device_id: str, outcome: enrollment.Confirmed) -> HttpResponse:
        """Note in this browser what was proven, and show the recovery codes this once."""
        device = find_device(self.person, device_id)
        if device is not None:  # nobody has removed it meanwhile
            self.visit.prove(add_factor(self.credential.amr, amr_of(device.method)))
            django_otp.login(self.request, device.rows().first())
        if outcome.recovery_codes:
            return show_new_codes(self, outcome.recovery_codes, is_first=True)
        self.say(gettext("It counts from now on."))
        return self.send_to("second_factor", query={"changed": "yes"})

    def show_begun(self, **context: Any) -> HttpResponse:
        """Show the step that asks for the code."""
        raise NotImplementedError
