"""Where a setting is looked for. The only reader of ``django.conf``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

TAKEN_FROM_SIMPLE_JWT = frozenset(
    {
        "ACCESS_TOKEN_LIFETIME",
        "ALGORITHM",
        "AUDIENCE",
        "AUTH_HEADER_NAME",
        "AUTH_HEADER_TYPES",
        "CHECK_USER_IS_ACTIVE",
        "ISSUER",
        "JTI_CLAIM",
        "LEEWAY",
        "REFRESH_TOKEN_LIFETIME",
        "ROTATE_REFRESH_TOKENS",
        "SIGNING_KEY",
        "TOKEN_TYPE_CLAIM",
        "USER_AUTHENTICATION_RULE",
        "USER_ID_CLAIM",
        "USER_ID_FIELD",
        "VERIFYING_KEY",
    }
)


def until_settings_change(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Remember what `function` returns until Django announces that a setting was changed.

    A process that is forked off asks anew.
    """
    remembered: Any = cache(function)

    def forget(**kwargs: Any) -> None:
        remembered.cache_clear()

    setting_changed.connect(forget, weak=False)
    # What a thread holds that is not in the child, nobody there would ever let go.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
    found: Callable[Arguments, Result] = remembered
    return found


@until_settings_change
def read_dict(name: str) -> Mapping[str, Any] | None:
    """Return a setting that should be a dict; None where it is something else.

    Remembered, for each request asks a dozen times.
    """
    value = getattr(settings, name, {})
    return value if isinstance(value, Mapping) else None


class SettingsReader:
    """The two dicts, and what we ask of Django's own settings."""

    @property
    def jwt_sessions(self) -> Mapping[str, Any]:
        """The project's ``JWT_SESSIONS``."""
        return read_dict("JWT_SESSIONS") or {}

    @property
    def simple_jwt(self) -> Mapping[str, Any]:
        """The project's ``SIMPLE_JWT``."""
        return read_dict("SIMPLE_JWT") or {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value set for `name`, or `default`."""
        if name in (ours := self.jwt_sessions):
            return ours[name]
        if name in TAKEN_FROM_SIMPLE_JWT:
            return self.simple_jwt.get(name, default)
        return default

    def imported(self, name: str) -> Any:
        """Return what is set for `name`: an object, or the dotted path of one."""
        value = self.get(name)
        return import_string(value) if isinstance(value, str) else value

    @staticmethod
    def as_list(value: Any) -> Sequence[Any]:
        """Return a list also where one thing stands alone."""
        return value if isinstance(value, list | tuple) else [value]

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names that may stand in ``JWT_SESSIONS``."""
        return frozenset(name for name in dir(cls) if name.isupper())

    # Django's own

    @property
    def user_model(self) -> str:
        """Django's ``AUTH_USER_MODEL``."""
        return settings.AUTH_USER_MODEL

    @property
    def secret_keys(self) -> tuple[str | bytes, ...]:
        """Django's ``SECRET_KEY`` and its fallbacks, newest first."""
        return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)

    @property
    def has_time_zones(self) -> bool:
        """Django's ``USE_TZ``."""
        return settings.USE_TZ

    @property
    def authentication_backends(self) -> Sequence[str]:
        """Django's ``AUTHENTICATION_BACKENDS``."""
        return settings.AUTHENTICATION_BACKENDS

    @property
    def middleware(self) -> Sequence[str]:
        """Django's ``MIDDLEWARE``."""
        return settings.MIDDLEWARE

    @property
    def logout_redirect_url(self) -> Any:
        """Django's ``LOGOUT_REDIRECT_URL``: an address, or the name of a URL."""
        return settings.LOGOUT_REDIRECT_URL

    @property
    def is_https_enforced(self) -> bool:
        """Whether Django redirects what comes by HTTP, or learns from a proxy that none does."""
        return bool(settings.SECURE_SSL_REDIRECT or settings.SECURE_PROXY_SSL_HEADER)

    @property
    def answers_to_any_name(self) -> bool:
        """Whether Django's ``ALLOWED_HOSTS`` lets a caller say what the site is called."""
        return "*" in settings.ALLOWED_HOSTS

    # django-otp's

    @property
    def hides_otp_secrets(self) -> bool:
        """django-otp's ``OTP_ADMIN_HIDE_SENSITIVE_DATA``, which is False by default."""
        return getattr(settings, "OTP_ADMIN_HIDE_SENSITIVE_DATA", False) is True
