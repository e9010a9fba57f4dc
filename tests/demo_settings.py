"""The demo's settings, made quick: what a slow hash is for, hundreds of sign-ins need not prove."""

from example_project.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
