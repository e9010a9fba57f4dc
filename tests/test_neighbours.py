"""Beside other apps with a `Session` or a `RefreshToken` of their own."""

from __future__ import annotations

import os
import subprocess
import sys

CHECK = """
import sys, django
from django.conf import settings
from tests import settings as ours
values = {name: getattr(ours, name) for name in dir(ours) if name.isupper()}
values["INSTALLED_APPS"] = [*ours.INSTALLED_APPS, *sys.argv[1:]]
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


def test_no_name_clashes_with_a_neighbours():
    environment = {**os.environ, "TEST_USER_MODEL": "int"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-c", CHECK, *NEIGHBOURS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
