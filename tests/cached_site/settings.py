"""A site that several processes and hosts serve; the environment says where its servers are."""

import os
from datetime import UTC, datetime, timedelta

import time_machine

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, JWT_SESSIONS, MIDDLEWARE


def seconds(name, default):
    return timedelta(seconds=float(os.environ.get(name, default)))


ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.cached_site.urls"
MIDDLEWARE = ["tests.cached_site.workers.tell_of_the_worker", *MIDDLEWARE]

# So that nobody waits for minutes where packets vanish, but longer than for REVOCATION_MAX_DELAY.
NO_WAITING = {
    "connect_timeout": 3,
    "tcp_user_timeout": 3_000,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
}
KEPT = {"CONN_MAX_AGE": None}
if os.environ["TEST_DATABASE"] == "postgresql":
    KEPT["OPTIONS"] = NO_WAITING
DATABASES = {"default": {**DATABASES["default"], **KEPT}}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["SITE_REDIS"],
    }
}

JWT_SESSIONS = {
    **JWT_SESSIONS,
    "REVOCATION_CHECK": "cached",
    "REVOCATION_MAX_DELAY": seconds("SITE_MAX_DELAY", 5),
    "ACCESS_TOKEN_LIFETIME": seconds("SITE_TOKEN_LIFETIME", 300),
    "LEEWAY": seconds("SITE_LEEWAY", 10),
    "THROTTLE_RATES": None,
}
SILENCED_SYSTEM_CHECKS = []

# A clock that is wrong by so many seconds, and goes on.
if ahead := seconds("SITE_CLOCK_AHEAD", 0):
    time_machine.travel(datetime.now(UTC) + ahead).start()

# That servers are away is what the tests are about.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": os.environ.get("SITE_LOG_LEVEL", "CRITICAL")},
}
