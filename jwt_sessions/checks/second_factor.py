"""The second factor: its settings, and what the database holds of it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.db import connections, router
from django.db.models import Count

from jwt_sessions.checks.project import can_be_called
from jwt_sessions.conf import ENROLLABLE_METHODS, SMS, conf
from jwt_sessions.encryption import all_keys
from jwt_sessions.exceptions import BadKey
from jwt_sessions.models import EncryptedTOTP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FUNCTIONS: Final = {
    "MFA_REQUIRED": "a user and returns a bool",
    "MFA_SMS_SENDER": "a number and a text",
}
# The settings that count, and how high they may.
COUNTS: Final = {"MFA_MAX_FAILURES": 100, "MFA_MESSAGES_PER_DAY": 1_000}
# Characters. Of 32 a random key has 128 bits and more, however it is written.
SHORTEST_KEY: Final = 32

# Where apps that plug in to django-otp keep devices.
STOCK_TABLES: Final = {
    "otp_totp_totpdevice": "django_otp.plugins.otp_totp",
    "otp_static_staticdevice": "django_otp.plugins.otp_static",
    "otp_hotp_hotpdevice": "django_otp.plugins.otp_hotp",
    "otp_email_emaildevice": "django_otp.plugins.otp_email",
    "two_factor_phonedevice": "two_factor.plugins.phonenumber",
}


def functions_can_be_called() -> Iterator[CheckMessage]:
    for name, arguments in FUNCTIONS.items():
        if not can_be_called(name):
            yield Error(
                f"{name} is {conf.get(name)!r}, which cannot be imported or called.",
                hint=f"Write the dotted path of a function that takes {arguments}.",
                id="jwt_sessions.E022",
            )


def methods_are_known() -> Iterator[CheckMessage]:
    methods = conf.get("MFA_METHODS", ENROLLABLE_METHODS)
    there_are = f"There are {', '.join(ENROLLABLE_METHODS)}."
    if not isinstance(methods, list | tuple):
        yield Error(f"MFA_METHODS is {methods!r}, no list.", hint=there_are, id="jwt_sessions.E023")
        return
    for method in methods:
        if method not in ENROLLABLE_METHODS:
            nearest = get_close_matches(str(method), ENROLLABLE_METHODS, n=1)
            yield Error(
                f"MFA_METHODS has {method!r}, which nobody can enroll.",
                hint=f"Did you mean {nearest[0]}?" if nearest else there_are,
                id="jwt_sessions.E023",
            )
    if not methods and conf.get("MFA_REQUIRED") is not None:
        yield Error(
            "MFA_REQUIRED asks for a second factor, and MFA_METHODS lets nobody enroll one.",
            hint=there_are,
            id="jwt_sessions.E023",
        )


def sms_can_be_sent() -> Iterator[CheckMessage]:
    methods = conf.get("MFA_METHODS")
    is_wanted = isinstance(methods, list | tuple) and SMS in methods
    if is_wanted and conf.get("MFA_SMS_SENDER") is None:
        yield Warning(
            "MFA_METHODS has sms, but nothing sends any.",
            hint="Let MFA_SMS_SENDER be the dotted path of a function that takes a number and a "
            "text, or take sms out.",
            id="jwt_sessions.W013",
        )


def tries_are_counted() -> Iterator[CheckMessage]:
    for name, most in COUNTS.items():
        count = conf.get(name, 1)
        if type(count) is not int or not 1 <= count <= most:
            yield Error(
                f"{name} is {count!r}.",
                hint=f"Write a whole number from 1 to {most:,}.",
                id="jwt_sessions.E003",
            )


def encryption_keys_can_serve() -> Iterator[CheckMessage]:
    """No key is quoted, whatever is wrong with it."""
    for complaint in _complaints(conf.MFA_ENCRYPTION_KEYS):
        yield Error(
            f"MFA_ENCRYPTION_KEYS {complaint}.",
            hint="Write a list of random texts of 32 characters and more, newest first. "
            'Python makes one: `python -c "import secrets; print(secrets.token_urlsafe(32))"`.',
            id="jwt_sessions.E024",
        )


def _complaints(keys: Sequence[object] | None) -> Iterator[str]:
    if keys is None:
        return
    if not keys:
        yield "is empty"
    elif not all(isinstance(key, str | bytes) for key in keys):
        yield "has something that is neither text nor bytes"
    elif any(isinstance(key, str | bytes) and len(key) < SHORTEST_KEY for key in keys):
        yield f"has a key of less than {SHORTEST_KEY} characters"
    else:
        yield from _deeper_complaints()


def _deeper_complaints() -> Iterator[str]:
    try:
        ids = [keys.id for keys in all_keys()]
    except BadKey:
        yield "has a key that cannot serve"
        return
    if len(ids) != len(set(ids)):
        yield "names one key twice"


def encryption_keys_are_set() -> Iterator[CheckMessage]:
    keys = conf.MFA_ENCRYPTION_KEYS
    if keys is None or any(key in conf.secret_keys for key in keys[:1]):
        yield Warning(
            "The secrets of second factors are encrypted with a key derived from SECRET_KEY: who "
            "drops an old SECRET_KEY destroys them.",
            hint="Set MFA_ENCRYPTION_KEYS to a new key, with your SECRET_KEY after it until you "
            "have run `manage.py secondfactor reencrypt`.",
            id="jwt_sessions.W014",
        )


def stored_secrets_can_be_read(databases: Sequence[str] | None) -> Iterator[CheckMessage]:
    if not _tables(databases, EncryptedTOTP._meta.db_table):
        return
    try:
        known = [keys.id for keys in all_keys()]
    except BadKey:
        return  # which the rule above complains about
    unreadable = EncryptedTOTP.objects.filter(confirmed=True).exclude(key_id__in=known)
    for key_id, count in unreadable.values_list("key_id").annotate(Count("pk")).order_by("key_id"):
        yield Error(
            f"The key {key_id!r}, which MFA_ENCRYPTION_KEYS has no longer, encrypted {count} of "
            "the authenticator apps: their owners cannot sign in by them.",
            hint="Name the old key again, after the new one (without MFA_ENCRYPTION_KEYS: the old "
            "SECRET_KEY, in SECRET_KEY_FALLBACKS), and run `manage.py secondfactor reencrypt` "
            "before you drop one.",
            id="jwt_sessions.E025",
        )


def no_stock_factor_is_forgotten(databases: Sequence[str] | None) -> Iterator[CheckMessage]:
    """Who had a second factor before must not be let in by a password alone after."""
    forgotten = [table for table, app in STOCK_TABLES.items() if not apps.is_installed(app)]
    for table in _tables(databases, *forgotten):
        if count := _count_confirmed(table):
            yield Error(
                f"The table {table} has confirmed devices ({count}) that nobody is asked for: "
                f"{STOCK_TABLES[table]} is not in INSTALLED_APPS.",
                hint=f'Add "{STOCK_TABLES[table]}", or delete the rows if they are to count no '
                "more.",
                id="jwt_sessions.E026",
            )


def _tables(databases: Sequence[str] | None, *wanted: str) -> list[str]:
    """Return which of these tables are there, in a database that may be asked."""
    if _alias() not in (databases or ()):
        return []
    there = set(connections[_alias()].introspection.table_names())
    return [table for table in wanted if table in there]


def _count_confirmed(table: str) -> int:
    connection: Any = connections[_alias()]
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, table)
        if "confirmed" not in {column.name for column in columns}:
            return 0
        cursor.execute(f"SELECT COUNT(*) FROM {table} WHERE confirmed")  # noqa: S608 - ours
        return int(cursor.fetchone()[0])


def _alias() -> str:
    return router.db_for_write(EncryptedTOTP)
