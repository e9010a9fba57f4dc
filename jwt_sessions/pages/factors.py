"""The second factor: what there is, naming, removing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions import mfa
from jwt_sessions.conf import EMAIL, SMS, TOTP, conf
from jwt_sessions.exceptions import FactorNeeded
from jwt_sessions.mfa import changing
from jwt_sessions.mfa.devices import find_device
from jwt_sessions.mfa.enrollment import MAX_DEVICES
from jwt_sessions.mfa.events import name_of_method
from jwt_sessions.models.device import NAME_LENGTH
from jwt_sessions.pages.moments import Moment
from jwt_sessions.pages.page import Page, page_not_found

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from jwt_sessions.mfa import OwnedDevice


class FactorNameForm(forms.Form):
    """What to call an authenticator app, or an address."""

    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH, required=False)


@dataclass(frozen=True, slots=True)
class FactorRow:
    """A device of the second factor, as its owner sees it."""

    device: OwnedDevice

    @property
    def method(self) -> str:
        """What it is."""
        return name_of_method(self.device.method)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.device.name or self.method

    @property
    def added(self) -> Moment | None:
        """Since when it counts."""
        return Moment.of(self.device.confirmed_at)

    @property
    def last_used(self) -> Moment | None:
        """When a code of it was good last."""
        return Moment.of(self.device.last_used_at)


class FactorsPage(Page):
    """What the person has, and what they may add."""

    template_name = "second_factor.html"
    title = _("Two-factor sign-in")
    admits_enrollment = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        devices = [device for device in mfa.list_devices(self.person) if device.is_factor]
        channels = [channel for channel in (EMAIL, SMS) if is_offered(channel)]
        return self.show(
            rows=[FactorRow(device) for device in devices],
            offers_app=is_offered(TOTP),
            channels=[(channel, name_of_method(channel)) for channel in channels],
            is_full=len(devices) >= MAX_DEVICES,
            is_required=mfa.is_required(self.person),
            is_changed="changed" in request.GET,
            name_length=NAME_LENGTH,
        )


class RenameView(Page):
    """Give a device another name."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, device_id: str) -> HttpResponse:
        """Do it."""
        form = FactorNameForm(request.POST)
        if not form.is_valid():
            self.say(form.errors["name"][0], level=messages.ERROR)
            return self.send_to("second_factor")
        renamed = changing.rename(self.person, device_id, name=form.cleaned_data["name"])
        if renamed is None:
            raise page_not_found()
        self.say(gettext("It is called “%(name)s” now.") % {"name": FactorRow(renamed).name})
        return self.send_to("second_factor")


class RemovePage(Page):
    """Ask, then remove a device."""

    template_name = "factor_remove.html"
    title = _("Remove a second factor")
    needs_recent_login = True

    def get(self, request: HttpRequest, device_id: str) -> HttpResponse:
        """Ask."""
        device = find_device(self.person, device_id)
        if device is None or not device.is_factor:
            raise page_not_found()
        others = [one for one in mfa.list_devices(self.person) if one.is_factor and one != device]
        return self.show(
            row=FactorRow(device), is_last=not others, is_required=mfa.is_required(self.person)
        )

    def post(self, request: HttpRequest, device_id: str) -> HttpResponse:
        """Do it."""
        try:
            is_removed = changing.remove(
                self.person, device_id, session=self.session, request=request
            )
        except FactorNeeded:
            text = gettext("Your account needs a second factor. Add another one before.")
            self.say(text, level=messages.ERROR)
            return self.send_to("second_factor")
        if not is_removed:
            raise page_not_found()
        self.say(gettext("It is removed."))
        return self.send_to("second_factor", query={"changed": "yes"})


def is_offered(method: str) -> bool:
    """Return whether people may add a device of this method."""
    return method in conf.MFA_METHODS and (method != SMS or conf.MFA_SMS_SENDER is not None)
