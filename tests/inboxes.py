"""Where codes arrive: a mailbox, and a telephone."""

from __future__ import annotations

import re

from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend


class Mailbox:
    """What Django's mail has sent, of codes."""

    channel = "email"
    address = "alice@home.example"
    masked = "a•••@home.example"
    other_address = "alice@work.example"
    amr = ("pwd", "otp", "mfa")

    def __init__(self, settings):
        self.settings = settings

    @property
    def messages(self):
        """Pairs of address and text, oldest first."""
        codes = [sent for sent in mail.outbox if sent.subject.startswith("Your code")]
        return [(sent.to[0], sent.body) for sent in codes]

    def code(self):
        """The code of the newest message, as its reader finds it."""
        return re.search(r"\b[0-9]{6}\b", self.messages[-1][1])[0]

    def fail(self):
        send_mail_by(self.settings, "tests.inboxes.BrokenMailServer")

    def recover(self):
        send_mail_by(self.settings, "django.core.mail.backends.locmem.EmailBackend")


class Telephone(Mailbox):
    """What a project sends SMS with: MFA_SMS_SENDER."""

    channel = "sms"
    address = "+491701234567"
    masked = "•••67"
    other_address = "+491707654321"
    amr = ("pwd", "sms", "mfa")
    messages = None

    def __init__(self):
        self.messages = []
        self.is_broken = False

    def __call__(self, number, text):
        if self.is_broken:
            raise ConnectionError(f"cannot send {text!r} to {number}")
        self.messages.append((number, text))

    def fail(self):
        self.is_broken = True

    def recover(self):
        self.is_broken = False


class BrokenMailServer(BaseEmailBackend):
    """It fails, and is indiscreet about it."""

    def send_messages(self, email_messages):
        sent = email_messages[0]
        raise ConnectionError(f"cannot send {sent.body!r} to {sent.to}")


def send_mail_by(settings, backend):
    """Let Django send mail by this backend; MAILERS is how Django 6.1 and newer are told."""
    if hasattr(settings, "MAILERS"):
        settings.MAILERS = {"default": {"BACKEND": backend}}
    else:
        settings.EMAIL_BACKEND = backend


def begin(device, inbox, address=None, **body):
    """Have a first code sent to an address."""
    body = {"channel": inbox.channel, "address": address or inbox.address, **body}
    return device.post("mfa/messages/", body)


def confirm(device, begun, code):
    """Let the address count."""
    done = device.post(f"mfa/messages/{begun.json()['id']}/confirm/", {"code": code})
    if done.status_code == 200:
        device.access = done.json()["access"]
    return done


def add_address(device, inbox, address=None, **body):
    """Add an address to the person a device is signed in as; return the device's id."""
    begun = begin(device, inbox, address, **body)
    assert begun.status_code == 201, begun.content
    done = confirm(device, begun, inbox.code())
    assert done.status_code == 200, done.content
    return begun.json()["id"]
