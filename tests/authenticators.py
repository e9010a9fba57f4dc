"""What people hold in their hands, an authenticator app for one, and how they sign in by it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pyotp
from django.utils import timezone

from tests.people import Device


class Authenticator:
    """An app that read a key URI; pyotp, which shares no code with us, computes its codes."""

    def __init__(self, otpauth_uri):
        self.values = parse_qs(urlsplit(otpauth_uri).query)
        self.app = pyotp.parse_uri(otpauth_uri)

    def code(self, *, steps=0):
        """The code that it shows now, or so many steps later or earlier."""
        return self.app.at(timezone.now(), counter_offset=steps)

    def wrong_code(self):
        """Six digits that no step nearby has."""
        near = {self.code(steps=steps) for steps in range(-3, 4)}
        return next(code for code in ("123456", "654321", "111111") if code not in near)


def enroll(device, **body):
    """Add an authenticator app to the person a device is signed in as; return both."""
    begun = device.post("mfa/totp/", body).json()
    authenticator = Authenticator(begun["otpauth_uri"])
    confirmed = device.post(f"mfa/totp/{begun['id']}/confirm/", {"code": authenticator.code()})
    assert confirmed.status_code == 200, confirmed.content
    device.access = confirmed.json()["access"]
    authenticator.id = begun["id"]
    authenticator.recovery_codes = confirmed.json()["recovery_codes"]
    return authenticator


def ask_for_code(device, user):
    """Give the password; return the `mfa_token`."""
    return device.sign_in(user).json()["mfa_token"]


def send(device, mfa_token, method):
    """Have a code sent to sign in with."""
    return device.post("token/mfa/send/", {"mfa_token": mfa_token, "method": method})


def enter(device, mfa_token, code, **body):
    """Complete a sign-in with a code."""
    body = {"mfa_token": mfa_token, "code": code, **body}
    return device._keep(device.post("token/mfa/", body, signed_in=False))


def sign_in_by(user, code, **body):
    """Sign in on a new device, with password and code; return the last answer."""
    device = Device()
    return enter(device, ask_for_code(device, user), code, **body)
