"""Beside other apps with a `Session` or a `RefreshToken` of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SETTINGS = """
import sys, django
from django.conf import settings
from tests import settings as ours
values = {name: getattr(ours, name) for name in dir(ours) if name.isupper()}
values["INSTALLED_APPS"] = [*ours.INSTALLED_APPS, *sys.argv[1:]]
"""

CHECK = """
values["MIDDLEWARE"] = [*ours.MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
values["DEFAULT_AUTO_FIELD"] = "django.db.models.BigAutoField"
settings.configure(**values)
django.setup()
from django.core.management import call_command
call_command("check")
"""


NEIGHBOURS = [
    "oauth2_provider",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "rest_framework_simplejwt.token_blacklist",
]


# What django-two-factor-auth leaves behind when somebody has turned it on, and a sign-in after it.
TWO_FACTOR = """
values["DATABASES"] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
settings.configure(**values)
django.setup()
from base64 import b32encode
import pyotp
from django.core.management import call_command
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from two_factor.utils import default_device
from tests.people import Device, make_user
call_command("migrate", run_syncdb=True, verbosity=0)
alice = make_user("alice")
app = TOTPDevice.objects.create(user=alice, name="default")
StaticDevice.objects.create(user=alice, name="backup").token_set.create(token="abcdefgh")
assert default_device(alice) == app
for code in (pyotp.TOTP(b32encode(app.bin_key)).now(), "abcdefgh"):
    device = Device()
    asked = device.sign_in(alice).json()
    assert asked["methods"] == ["totp", "recovery_code"], asked
    done = device.post("token/mfa/", {"mfa_token": asked["mfa_token"], "code": code})
    assert done.status_code == 200, done.json()
    device.access = done.json()["access"]
    assert device.post("token/step-up/", {"code": code}).status_code == 401
"""


def run(program, *apps):
    """Run a program in a process of its own, with more apps than the tests have."""
    environment = {**os.environ, "TEST_USER_MODEL": "int"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-c", SETTINGS + program, *apps]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_name_clashes_with_a_neighbours():
    run(CHECK, *NEIGHBOURS)


@pytest.mark.once
def test_devices_of_django_two_factor_auth_sign_in():
    run(TWO_FACTOR, "two_factor")
