"""A site with Django's admin, and a member of staff who uses it."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client, override_settings

from benchmarks.settings import INSTALLED_APPS, MIDDLEWARE
from benchmarks.sides import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE: Final = {
    "INSTALLED_APPS": [*INSTALLED_APPS, "django.contrib.admin", "django.contrib.messages"],
    "MIDDLEWARE": [*MIDDLEWARE, "django.contrib.messages.middleware.MessageMiddleware"],
    "ROOT_URLCONF": "benchmarks.admin_urls",
    "STATIC_URL": "static/",
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
}
OK: Final = 200


@contextmanager
def admin_installed() -> Iterator[None]:
    """Have Django's admin for a while, with its tables in the database that we are at."""
    with override_settings(**SITE):
        call_command("migrate", "admin", verbosity=0)
        yield


class Operator:
    """A superuser, signed in, and how many seconds each request has taken."""

    def __init__(self) -> None:
        self.user, _ = get_user_model().objects.get_or_create(
            username="root", defaults={"is_staff": True, "is_superuser": True}
        )
        self.seconds: list[float] = []
        self._client = Client()
        self._client.force_login(self.user)

    def get(self, address: str) -> Any:
        """Return the page. Raises ``WrongAnswer``."""
        return self._ask("get", address, None, OK)

    def post(
        self, address: str, data: dict[str, str], *, expected: int = OK, **options: Any
    ) -> Any:
        """Return what is answered. Raises ``WrongAnswer``."""
        return self._ask("post", address, data, expected, **options)

    def _ask(self, method: str, address: str, data: Any, expected: int, **options: Any) -> Any:
        start = perf_counter()
        response = getattr(self._client, method)(address, data, **options)
        self.seconds.append(perf_counter() - start)
        if response.status_code != expected:
            raise WrongAnswer(f"{address}: {response.status_code}, not {expected}")
        return response
