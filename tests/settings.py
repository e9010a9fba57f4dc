"""Settings of the tests: which database and which user model, the environment says."""

import os
import tempfile

import django

SECRET_KEY = "a-key-for-tests-that-is-long-enough-to-please-every-check"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"

USER_MODELS = {
    "int": "auth.User",
    "uuid": "user_models.UUIDUser",
    "email": "user_models.EmailUser",
    "child": "user_models.Person",
}
AUTH_USER_MODEL = USER_MODELS[os.environ.get("TEST_USER_MODEL", "int")]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_hotp",
    "django_otp.plugins.otp_email",
    "drf_spectacular",
    "jwt_sessions",
    "tests.user_models",
]
# A model of the tests is a child of Django's user, which an app without migrations may only be if
# Django's apps have none either.
MIGRATION_MODULES = dict.fromkeys(["admin", "auth", "contenttypes", "sessions"])
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
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


# A file, not memory: the threads and processes of the races share it. Gone when the process ends,
# unless it is killed, so that those use what their parent has made.
SCRATCH = tempfile.TemporaryDirectory(prefix="jwt_sessions_tests_", ignore_cleanup_errors=True)
if "TEST_DATABASE_NAME" in os.environ:
    SCRATCH.cleanup()


def sqlite(name):
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("TEST_DATABASE_NAME", f"{SCRATCH.name}/{name}"),
        "TEST": {"NAME": f"{SCRATCH.name}/test_{name}"},
        # A power cut is none of the tests.
        "OPTIONS": {"timeout": 60, "init_command": "PRAGMA synchronous = OFF"},
    }


SERVERS = {
    "postgresql": ("postgresql", "POSTGRES", {"PORT": "5432", "USER": "postgres"}),
    "mariadb": ("mysql", "MARIADB", {"PORT": "3306", "USER": "root"}),
}


# PostgreSQL's, for one run of the tests: values apart from the text, each statement prepared.
PREPARED = {"server_side_binding": True, "prepare_threshold": 1}


def served(kind, name):
    """A database on a server; POSTGRES_HOST, MARIADB_PORT and the like say where."""
    backend, prefix, usual = SERVERS[kind]
    usual = {"HOST": "127.0.0.1", "PASSWORD": "", **usual}
    return {
        "ENGINE": f"django.db.backends.{backend}",
        "OPTIONS": PREPARED if os.environ.get("TEST_PREPARED") else {},
        "NAME": os.environ.get("TEST_DATABASE_NAME", name),
        **{word: os.environ.get(f"{prefix}_{word}", value) for word, value in usual.items()},
    }


def database(name):
    kind = os.environ.get("TEST_DATABASE", "sqlite")
    return sqlite(name) if kind == "sqlite" else served(kind, name)


# The second one is for projects that keep their accounts apart.
DATABASES = {"default": database("jwt_sessions"), "accounts": database("jwt_sessions_accounts")}

if django.VERSION >= (6, 1):  # older ones have EMAIL_BACKEND, which the test runner sets
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}

# Slow hashes prove nothing here; the test of upgraded hashes sets its own.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# As W015 asks for: the admin has the pages of django-otp's plugins.
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
JWT_SESSIONS = {
    "ISSUER": "https://issuer.example",
    "REVOCATION_CHECK": os.environ.get("TEST_REVOCATION_CHECK", "database"),
}
# A test is one process, with a few exceptions, which say what cache they share.
SILENCED_SYSTEM_CHECKS = ["jwt_sessions.E030"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["jwt_sessions.authentication.JWTSessionAuthentication"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
