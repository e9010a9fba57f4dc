"""Whether the cached check of revocations can serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.cache import InvalidCacheBackendError, caches
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.db import connections

from jwt_sessions.conf import CACHED, REVOCATION_CHECKS, conf
from jwt_sessions.models import session_alias

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of caches that one process has for itself, what comes of it.
OF_ONE_PROCESS: Final = {
    "locmem": "each process has one of its own, and learns of what others revoke",
    "dummy": "it keeps nothing, so that the database is asked with each request, and learns",
}
# Of caches that are shared, what speaks against them.
POOR: Final = {
    "db": "each look into it is a query, which the cached check is to save",
    "filebased": "it is shared by the processes of one host only",
}
# Seconds. A server that hangs makes requests wait so long.
LONGEST_WAIT: Final = 1.0


def revocation_check_is_known() -> Iterator[CheckMessage]:
    if conf.REVOCATION_CHECK not in REVOCATION_CHECKS:
        yield Error(
            f"REVOCATION_CHECK is {conf.REVOCATION_CHECK!r}.",
            hint=f"Write one of {', '.join(REVOCATION_CHECKS)}.",
            id="jwt_sessions.E003",
        )


def cache_of_revocations_is_shared() -> Iterator[CheckMessage]:
    if conf.REVOCATION_CHECK != CACHED:
        return
    name = conf.REVOCATION_CACHE
    try:
        cache = caches[name]
        # Whether the package of its server is installed, Django asks later.
        getattr(cache, "_cache", None)
    except (InvalidCacheBackendError, ImportError) as error:
        yield Error(
            f"REVOCATION_CACHE is {name!r}, which cannot be opened: {error}",
            hint="Name one of CACHES, and install what it needs: for Redis, the package redis.",
            id="jwt_sessions.E029",
        )
        return
    kind = type(cache).__module__.rpartition(".")[2]
    if kind in OF_ONE_PROCESS:
        yield Error(
            f"The cache {name!r} of REVOCATION_CHECK is a {type(cache).__name__}: "
            f"{OF_ONE_PROCESS[kind]} after REVOCATION_MAX_DELAY only.",
            hint="Let CACHES name a Redis or Valkey server that all processes share. A site that "
            "is one process, and stays so, may silence this in SILENCED_SYSTEM_CHECKS.",
            id="jwt_sessions.E030",
        )
    elif kind in POOR:
        yield Warning(
            f"The cache {name!r} of REVOCATION_CHECK is a {type(cache).__name__}: {POOR[kind]}.",
            hint="Let CACHES name a Redis or Valkey server that all processes share.",
            id="jwt_sessions.W018",
        )
    yield from _waits_too_long(name)


def _waits_too_long(name: str) -> Iterator[CheckMessage]:
    options = caches.settings[name].get("OPTIONS") or {}
    for option in ("socket_timeout", "socket_connect_timeout"):
        # Without the option, we set a short one for Django's own backend.
        wait = options.get(option, 0)
        if wait is None or (isinstance(wait, int | float) and wait > LONGEST_WAIT):
            yield Warning(
                f"The cache {name!r} of REVOCATION_CHECK has {option} {wait}: where its server "
                "hangs, requests wait so long before the database is asked.",
                hint=f"Make it {LONGEST_WAIT} second at most, or leave it out.",
                id="jwt_sessions.W018",
            )


def nothing_is_set_for_the_other_check() -> Iterator[CheckMessage]:
    if conf.REVOCATION_CHECK == CACHED:
        return
    for name in ("REVOCATION_CACHE", "REVOCATION_MAX_DELAY"):
        if name in conf.jwt_sessions:
            yield Warning(
                f'{name} has no effect without REVOCATION_CHECK "cached".',
                hint=f'Set REVOCATION_CHECK to "cached", or remove {name}.',
                id="jwt_sessions.W019",
            )


def requests_see_what_is_committed() -> Iterator[CheckMessage]:
    database = connections[session_alias()]
    if conf.REVOCATION_CHECK != CACHED or not database.settings_dict["ATOMIC_REQUESTS"]:
        return
    if database.vendor == "sqlite" or not _reads_what_is_committed(database):
        yield Warning(
            "Under ATOMIC_REQUESTS each request sees the database as it was at its beginning, so "
            "that the cached check never learns anything, and asks the database each time.",
            hint='Set the isolation level to "read committed", Django\'s default, or leave '
            'REVOCATION_CHECK at "database".',
            id="jwt_sessions.W020",
        )


def _reads_what_is_committed(database: Any) -> bool:
    level = database.settings_dict["OPTIONS"].get("isolation_level", "read committed")
    # PostgreSQL's is a member of an enumeration.
    return getattr(level, "name", str(level)).replace("_", " ").lower() == "read committed"
