"""Settings of the benchmarks: one project for both sides, on the database BENCHMARK_DATABASE."""

import os
import tempfile
from datetime import timedelta

SECRET_KEY = "a-key-for-benchmarks-that-is-long-enough-to-please-every-check"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "benchmarks.urls"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "jwt_sessions",
]

# What startproject writes, but for messages, which need templates.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# Gone when the process ends.
SCRATCH = tempfile.TemporaryDirectory(prefix="jwt_sessions_benchmarks_", ignore_cleanup_errors=True)

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": f"{SCRATCH.name}/none.sqlite3",
    "TEST": {"NAME": f"{SCRATCH.name}/benchmarks.sqlite3"},
    # As in the example project. With SQLite's own defaults every commit waits for the disk, and the
    # disk would be what is measured.
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
    },
}

POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    # Connected to for as long as it takes to create the scratch database.
    "NAME": "postgres",
    "TEST": {"NAME": f"jwt_sessions_benchmarks_{os.getpid()}"},
    "HOST": os.environ.get("POSTGRES_HOST", "127.0.0.1"),
    "PORT": os.environ.get("POSTGRES_PORT", "5432"),
    "USER": os.environ.get("POSTGRES_USER", "postgres"),
    "PASSWORD": os.environ.get("POSTGRES_PASSWORD", ""),
}

# The same server, asked by statements that it has parsed and planned before. Django has this off,
# because poolers of connections may not know it.
POSTGRESQL_PREPARED = {
    **POSTGRESQL,
    "OPTIONS": {"server_side_binding": True, "prepare_threshold": 1},
}

DATABASE_CHOICES = {
    "sqlite": SQLITE,
    "postgresql": POSTGRESQL,
    "postgresql-prepared": POSTGRESQL_PREPARED,
}

CHOSEN_DATABASE = os.environ.get("BENCHMARK_DATABASE", "sqlite")

# Further processes of a run are told the name of the scratch database, which is there already.
SCRATCH_NAME = os.environ.get("BENCHMARK_NAME")

DATABASES = {
    "default": {
        **DATABASE_CHOICES[CHOSEN_DATABASE],
        **({"NAME": SCRATCH_NAME} if SCRATCH_NAME else {}),
        # Persistent connections: connecting would cost both sides more than the work.
        "CONN_MAX_AGE": None,
    }
}

# Cheap, for both sides: a real hash takes far longer than all else in a login.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

SIGNING_KEY = "the-one-key-that-both-sides-sign-with-by-HS256"

# For both sides. An access token is good for as long as a run may take.
SIMPLE_JWT = {
    "SIGNING_KEY": SIGNING_KEY,
    "ACCESS_TOKEN_LIFETIME": timedelta(days=1),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": True,
}

# Of this run, and asked for by no other one.
REDIS = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": "redis://{}:{}".format(
        os.environ.get("REDIS_HOST", "127.0.0.1"), os.environ.get("REDIS_PORT", "6379")
    ),
    "KEY_PREFIX": f"jwt_sessions_benchmarks_{os.getpid()}",
}

# Neither side has limits, but where a work says so.
JWT_SESSIONS = {
    "ISSUER": "https://issuer.example",
    "SIGNING_KEY": SIGNING_KEY,
    "THROTTLE_RATES": None,
}

# A server of a run is told by which check it is to be measured.
if os.environ.get("BENCHMARK_REVOCATION_CHECK") == "cached":
    CACHES = {"default": REDIS}
    JWT_SESSIONS["REVOCATION_CHECK"] = "cached"
