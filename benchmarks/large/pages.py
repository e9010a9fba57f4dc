"""The admin's pages of sessions: the same pages of a large and of a small table.

Nothing stands beside us but ourselves with few sessions. Two databases of one server, asked in
turn; the time is that of the whole request, the template among it.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import F
from django.test import Client, override_settings
from django.utils import timezone

from benchmarks.databases import connected_to, copied, settle
from benchmarks.large.filling import fill_last_month, tidy
from benchmarks.reporting import format_rows
from benchmarks.settings import INSTALLED_APPS, MIDDLEWARE
from benchmarks.sides import WrongAnswer
from jwt_sessions.clients import address_key, device_key
from jwt_sessions.models import RevokedReason, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW: Final = 2_000
AIM: Final = 100  # milliseconds

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

HEADINGS: Final = (
    ("", "{few:,} sessions", "{many:,}", "aim", "statements"),
    ("page", "ms", "ms", "ms", ""),
)

LIST: Final = "/admin/jwt_sessions/session/"
REVOKED: Final = "/admin/jwt_sessions/revokedsession/"
# The day after the oldest session began.
LONG_AGO: Final = timedelta(days=28)


def report(*, sessions: int, rounds: int, turns: int) -> str:
    """Fill both, ask for each page by turns, and return the table."""
    few = min(FEW, sessions)
    with copied("large") as large, copied("small") as small:
        for database, count in ((large, sessions), (small, few)):
            with connected_to(database):
                fill_last_month(count)
                diversify()
        settle()
        with override_settings(**SITE):
            seen = {}
            for database in (small, large):
                with connected_to(database):
                    # Not so many that it takes minutes; the first one is thrown away.
                    seen[database] = dict(_times(max(2, min(rounds, 10))))
    return format_rows([*_headings(few, sessions), *_rows(seen[small], seen[large])])


def diversify() -> None:
    """Let sessions differ, as far as pages and filters look at it."""
    by_user = Session.objects.filter(user__username__startswith="user-")
    quarter = by_user.alias(rest=F("user_id") % 4)
    quarter.filter(rest=0).update(**_address("10.1.2.3"), **_device("Backup script"))
    quarter.filter(rest=1).update(**_address("10.9.8.7"), revoked_at=F("created_at"))
    by_user.filter(revoked_at__isnull=False).update(revoked_reason=RevokedReason.SIGNED_OUT)
    user = get_user_model().objects
    # A device that signs in again and again, in the oldest quarter of the time.
    old = Session.objects.filter(created_at__lt=timezone.now() - timedelta(days=22))
    old.filter(user_id__gt=1_000_000).update(user=user.get(username="alice"))
    few = [*old.order_by("id").values_list("pk", flat=True)[:3]]
    rare = Session.objects.filter(pk__in=few)
    rare.update(
        **_address("192.0.2.1"),
        **_device("Tablet"),
        user=user.create_user("only-few"),
        revoked_at=timezone.now() - LONG_AGO,
        revoked_reason=RevokedReason.TOKEN_REUSED,
    )
    tidy()


def pages() -> dict[str, str]:
    """Return the address of each page, by what it shows."""
    middle = Session.objects.order_by("id").filter(created_at__gt=timezone.now() - LONG_AGO / 2)
    day = f"{timezone.now() - LONG_AGO:%Y-%m-%d}"
    return {
        "newest": LIST,
        "from the middle on": f"{LIST}?before={middle[0].pk}",
        "a far date": f"{LIST}?to={day}",
        "filter that many meet": f"{LIST}?state=live",
        "filter that few meet": f"{LIST}?why=token_reused",
        "three filters, none met": f"{LIST}?state=expired&second_factor=yes&kind=browser",
        "user of three": f"{LIST}?q=only-few",
        "user of a quarter": f"{LIST}?q=alice",
        "user of a quarter, filtered": f"{LIST}?q=alice&why=token_reused",
        "network of half": f"{LIST}?q=10.0.0.0/8",
        "network of three": f"{LIST}?q=192.0.2.",
        "network of half, filtered": f"{LIST}?q=10.&why=token_reused",
        "device of a quarter": f"{LIST}?q=backup",
        "device of three": f"{LIST}?q=tablet",
        "one session": LIST + f"{middle[0].pk}/change/",
        "overview": f"{LIST}overview/",
        "revoked": REVOKED,
        "revoked, filtered": f"{REVOKED}?why=token_reused",
        "revoked, user of a quarter": f"{REVOKED}?q=alice",
    }


@contextmanager
def _counting() -> Iterator[list[str]]:
    sent: list[str] = []

    def count(execute, sql, params, many, context):  # type: ignore[no-untyped-def]  # as Django calls it
        sent.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield sent


def _times(rounds: int) -> Iterator[tuple[str, tuple[float, int]]]:
    client = Client()
    root, _ = get_user_model().objects.get_or_create(
        username="root", defaults={"is_staff": True, "is_superuser": True}
    )
    client.force_login(root)
    for name, address in pages().items():
        with _counting() as sent:
            _ask(client, address)
        yield name, (median(_ask(client, address) for _ in range(rounds)), len(sent))


def _ask(client: Client, address: str) -> float:
    start = perf_counter()
    response = client.get(address)
    took = perf_counter() - start
    if response.status_code != 200:  # noqa: PLR2004 - OK
        raise WrongAnswer(f"{address}: {response.status_code}")
    return took * 1000


def _headings(few: int, many: int) -> Iterator[tuple[str, ...]]:
    for row in HEADINGS:
        yield tuple(cell.format(few=few, many=many) for cell in row)


def _rows(
    small: dict[str, tuple[float, int]], large: dict[str, tuple[float, int]]
) -> Iterator[tuple[str, ...]]:
    for name, (milliseconds, statements) in large.items():
        times = f"{small[name][0]:.0f}", f"{milliseconds:.0f}"
        yield name, *times, str(AIM), str(statements)


def _address(text: str) -> dict[str, str]:
    return {"address": text, "address_key": address_key(text)}


def _device(name: str) -> dict[str, str]:
    return {"device_name": name, "device_key": device_key(name)}
