"""The demo's settings, made quick: what a slow hash is for, hundreds of sign-ins need not prove."""

import json
import os
from datetime import timedelta

from example_project.settings import *  # noqa: F403
from example_project.settings import JWT_SESSIONS as OF_THE_DEMO

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Durations in seconds: {"LEEWAY": 0}.
TIMES = json.loads(os.environ.get("DEMO_TIMES", "{}"))
JWT_SESSIONS = {
    **OF_THE_DEMO,
    **{name: timedelta(seconds=seconds) for name, seconds in TIMES.items()},
}
