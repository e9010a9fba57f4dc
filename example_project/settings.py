"""A small site on SQLite. For looking and trying, not for production: see docs/."""

import os
from pathlib import Path
from typing import Any

import django

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "this-demo-serves-only-your-own-machine-and-keeps-no-secrets"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "jwt_sessions",
    "example_project",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "jwt_sessions.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DEMO_DATABASE", BASE_DIR / "db.sqlite3"),
        "OPTIONS": {
            # Readers and one writer at a time, who wait for each other instead of failing.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
        },
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Mails are printed where the site runs.
PRINTED = "django.core.mail.backends.console.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": PRINTED}}
else:
    EMAIL_BACKEND = PRINTED

# What an integrator adds, from here on.

JWT_SESSIONS: dict[str, Any] = {
    "ISSUER": "http://127.0.0.1:8000",
    "MFA_ISSUER_NAME": "jwt_sessions example",
    "MFA_SMS_SENDER": "example_project.sms.print_sms",
    "MFA_REQUIRED": "example_project.policy.must_have_second_factor",
}
# seed_demo makes the first key; before that, one is derived from SECRET_KEY.
DEMO_KEYS = Path(os.environ.get("DEMO_KEYS", BASE_DIR / "demo_keys"))
if DEMO_KEYS.is_dir():
    JWT_SESSIONS["SIGNING_KEYS"] = [{"directory": DEMO_KEYS}]
if os.environ.get("THROTTLES") == "off":
    JWT_SESSIONS["THROTTLE_RATES"] = None

# DEMO_REDIS=redis://127.0.0.1:6379 shows the check of sessions that asks no query.
if demo_redis := os.environ.get("DEMO_REDIS"):
    REDIS_CACHE = "django.core.cache.backends.redis.RedisCache"
    CACHES = {"default": {"BACKEND": REDIS_CACHE, "LOCATION": demo_redis, "KEY_PREFIX": "demo"}}
    JWT_SESSIONS["REVOCATION_CHECK"] = "cached"

LOGIN_URL = "jwt_sessions_pages:sign_in"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["jwt_sessions.authentication.JWTSessionAuthentication"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "jwt_sessions example",
    "VERSION": "1",
    "DESCRIPTION": "Sign in at token/, then press Authorize and paste the access token.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
