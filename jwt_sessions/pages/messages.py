"""Have codes sent by e-mail or SMS."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions.conf import EMAIL, SMS
from jwt_sessions.delivery import mail_address_of
from jwt_sessions.exceptions import NotDelivered, TooManyDevices, TooSoon
from jwt_sessions.http_errors import ServiceUnavailable
from jwt_sessions.mfa import enrollment
from jwt_sessions.mfa.addresses import clean_number, is_email_address, is_phone_number
from jwt_sessions.mfa.enrollment import device_id
from jwt_sessions.mfa.events import name_of_method
from jwt_sessions.models import MessageDevice
from jwt_sessions.pages.enrolling import EnrollingPage, FirstCodeForm
from jwt_sessions.pages.factors import is_offered
from jwt_sessions.pages.page import page_not_found, too_many
from jwt_sessions.throttling import AddressThrottle
from jwt_sessions.two_step_login.view import NOT_SENT
from jwt_sessions.two_step_login.words import too_many_messages

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class EmailForm(forms.Form):
    """The address that codes are to be sent to."""

    address = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        validators=[is_email_address],
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class NumberForm(forms.Form):
    """The number that codes are to be sent to."""

    address = forms.CharField(
        label=_("Mobile number"),
        max_length=30,
        help_text=_("With its country: +491701234567."),
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "dir": "ltr"}),
    )

    def clean_address(self) -> str:
        """Return the number without what people write between its digits."""
        number = clean_number(self.cleaned_data["address"])
        is_phone_number(number)
        return number


FORMS: dict[str, type[forms.Form]] = {EMAIL: EmailForm, SMS: NumberForm}


class MessagePage(EnrollingPage):
    """Give an address, then type the code that arrives there."""

    template_name = "message.html"
    model = MessageDevice

    def refuse(self) -> None:
        """Offer what the project does."""
        super().refuse()
        if self.channel not in FORMS or not is_offered(self.channel):
            raise page_not_found()

    @property
    def channel(self) -> str:
        """By which way."""
        return str(self.kwargs["channel"])

    def get(self, request: HttpRequest, channel: str) -> HttpResponse:
        """Show how far it is."""
        return self.show_begun()

    def post(self, request: HttpRequest, channel: str) -> HttpResponse:
        """Send a code, or take it."""
        if "code" in request.POST:
            begun = enrollment.find_message(self.person, channel)
            return self.take_code(None if begun is None else device_id(begun))
        form = FORMS[channel](request.POST)
        if not form.is_valid():
            return self.show_begun(address_form=form)
        return self.send(form.cleaned_data["address"], form)

    def send(self, address: str, form: forms.Form) -> HttpResponse:
        """Send a first code to an address that nobody has proven yet."""
        throttle, show = AddressThrottle(), partial(self.show_begun, address_form=form)
        if not throttle.allow(self.request, address=address):
            return too_many(throttle, show)
        try:
            enrollment.begin_message(self.person, channel=self.channel, address=address)
        except TooSoon as error:
            alert = too_many_messages(error.wait)
            return show(alert=alert, status=429, wait=error.wait)
        except NotDelivered:
            # Nothing has arrived that could be typed.
            return show(alert=NOT_SENT, status=503, wait=ServiceUnavailable.wait, begun=None)
        except TooManyDevices:
            text = gettext("You have too many devices. Remove one of them first.")
            self.say(text, level=messages.ERROR)
            return self.send_to("second_factor")
        return self.send_to("message", self.channel)

    def show_begun(self, **context: Any) -> HttpResponse:
        """Show where the code was sent to, once it was."""
        address = mail_address_of(self.person) if self.channel == EMAIL else ""
        shown = {
            "title": gettext("Codes by %(method)s") % {"method": name_of_method(self.channel)},
            "begun": enrollment.find_message(self.person, self.channel),
            "form": FirstCodeForm(),
            "address_form": FORMS[self.channel](initial={"address": address}),
        }
        return self.show(**{**shown, **context})
