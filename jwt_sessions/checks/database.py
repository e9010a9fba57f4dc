"""What the database makes of our rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Error
from django.db import connections, router

from jwt_sessions.models import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def mariadb_sorts_ids_by_time(databases: Sequence[str] | None) -> Iterator[CheckMessage]:
    alias = router.db_for_write(Session)
    connection: Any = connections[alias]
    if alias not in (databases or ()) or not getattr(connection, "mysql_is_mariadb", False):
        return
    if not sorts_ids_by_time(connection.mysql_version):
        version = ".".join(map(str, connection.mysql_version))
        yield Error(
            f"MariaDB {version} does not sort time-ordered UUIDs by time, so that the newest "
            "session is not found first.",
            hint="Upgrade to MariaDB 10.11.5, 11.0.3 or newer.",
            id="jwt_sessions.E017",
        )


def sorts_ids_by_time(version: tuple[int, ...]) -> bool:
    """Return whether this MariaDB sorts UUIDs of version 7 as they are written (MDEV-29959).

    Its type UUID came with 10.7; before, Django stores text.
    """
    return version < (10, 7) or (10, 11, 5) <= version < (11, 0) or version >= (11, 0, 3)
