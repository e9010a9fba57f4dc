"""The codes that the RFCs print, through our own sign-in and at the moments they are for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import timezone
from django_otp import oath

from jwt_sessions import mfa
from jwt_sessions.models import EncryptedTOTP
from jwt_sessions.models.totp import STEP

proves = pytest.mark.proves

SECRET = b"12345678901234567890"

# RFC 6238 appendix B: seconds since 1970, and the code of eight digits for SHA-1. Authenticator
# apps show the last six.
RFC_6238 = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
# RFC 4226 appendix D: the code for each count from 0 on.
RFC_4226 = [
    *("755224", "287082", "359152", "969429", "338314"),
    *("254676", "287922", "162583", "399871", "520489"),
]


def sign_in(user, code):
    needed = mfa.sign_in(user)
    return mfa.pending_logins.finish(needed.mfa_token, code)


@pytest.mark.parametrize(("seconds", "code"), RFC_6238)
def test_rfc_6238_appendix_b(alice, seconds, code):
    with time_machine.travel(datetime.fromtimestamp(seconds, tz=UTC), tick=False):
        EncryptedTOTP.make(user_id=alice.pk, secret=SECRET, confirmed=True)
        assert isinstance(sign_in(alice, code[-6:]), mfa.SignedIn)


@pytest.mark.parametrize(("count", "code"), list(enumerate(RFC_4226)))
def test_rfc_4226_appendix_d(alice, count, code):
    with time_machine.travel(datetime.fromtimestamp(count * STEP, tz=UTC), tick=False):
        device = EncryptedTOTP.make(user_id=alice.pk, secret=SECRET, confirmed=True)
        assert device.match(code, now=timezone.now()) == count
        assert isinstance(sign_in(alice, code), mfa.SignedIn)


@pytest.mark.once
@pytest.mark.parametrize(("seconds", "code"), RFC_6238)
def test_the_library_computes_all_eight_digits(seconds, code):
    assert f"{oath.hotp(SECRET, seconds // STEP, digits=8):08}" == code


@proves("M2")
@pytest.mark.parametrize(
    ("shown_at", "typed_at", "is_good"),
    [
        (0, 29, True),
        (0, 59, True),  # one step later
        (0, 60, False),  # two
        (59, 30, True),
        (59, 0, True),  # the clock of the phone is ahead, by one step
        (89, 0, False),
    ],
)
def test_a_code_works_within_its_step_and_the_ones_beside_it(alice, shown_at, typed_at, is_good):
    start = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()
    device = EncryptedTOTP.make(user_id=alice.pk, secret=SECRET, confirmed=True)
    code = f"{oath.hotp(SECRET, int(start + shown_at) // STEP):06}"
    now = datetime.fromtimestamp(start + typed_at, tz=UTC)
    assert (device.match(code, now=now) is not None) is is_good


@proves("M2")
def test_where_the_clock_of_the_phone_drifts_nothing_follows_it(alice, clock):
    """django-otp's own device would learn the drift, and then accept what is two steps away."""
    device = EncryptedTOTP.make(user_id=alice.pk, secret=SECRET, confirmed=True)
    for steps, is_good in ((1, True), (2, False)):
        clock.shift(STEP * 10)
        step = int(timezone.now().timestamp()) // STEP + steps
        assert device.verify_token(f"{oath.hotp(SECRET, step):06}") is is_good
