"""Beside django-axes: it sees who fails, locks out, and forgives, without knowing of us."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# A site with its own settings, for axes is an app, a backend and a middleware.
SITE = """
import django
from django.conf import settings
from tests import settings as ours

values = {name: getattr(ours, name) for name in dir(ours) if name.isupper()}
values["INSTALLED_APPS"] = [*ours.INSTALLED_APPS, "axes"]
values["MIDDLEWARE"] = [*ours.MIDDLEWARE, "axes.middleware.AxesMiddleware"]
values["AUTHENTICATION_BACKENDS"] = [
    "axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend",
]
values["DATABASES"] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
values["AXES_FAILURE_LIMIT"] = 3
values["AXES_RESET_ON_SUCCESS"] = True
settings.configure(**values)
django.setup()

from django.core.management import call_command
from tests.people import Device, make_user

call_command("migrate", run_syncdb=True, verbosity=0)
alice, bob = make_user("alice"), make_user("bob")


def sign_in(user, password=None):
    return Device().sign_in(user, password).status_code

"""

SCENES = {
    "a locked out account stays locked, for the right password too": """
assert [sign_in(alice, "wrong") for _ in range(2)] == [401, 401]
locked = sign_in(alice, "wrong")
assert locked in (403, 429), locked
assert sign_in(alice) == locked
""",
    "others sign in from elsewhere": """
for _ in range(3):
    sign_in(alice, "wrong")
elsewhere = Device()
elsewhere.http.defaults["REMOTE_ADDR"] = "203.0.113.5"
assert elsewhere.sign_in(bob).status_code == 200
""",
    "a success is noticed and the count begins anew": """
for _ in range(3):
    assert [sign_in(alice, "wrong") for _ in range(2)] == [401, 401]
    assert sign_in(alice) == 200
from axes.models import AccessLog
assert AccessLog.objects.count() == 3
""",
    "its reset lets people in again": """
for _ in range(3):
    sign_in(alice, "wrong")
call_command("axes_reset", verbosity=0)
assert sign_in(alice) == 200
""",
    "who is signed in is not touched by it": """
device = Device()
device.sign_in(alice)
for _ in range(3):
    sign_in(alice, "wrong")
assert device.call_protected().status_code == 200
assert device.refresh().status_code == 200
""",
}


@pytest.mark.parametrize("scene", SCENES)
def test_django_axes_beside_us(scene):
    environment = {**os.environ, "TEST_USER_MODEL": "int"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-c", SITE + SCENES[scene]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
