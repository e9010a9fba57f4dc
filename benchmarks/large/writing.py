"""What acts write, one after the other on one connection: to PostgreSQL's tables and its log."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.db import connection

from benchmarks.databases import settle
from benchmarks.measuring import frozen_heap
from jwt_sessions.models import RefreshToken, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Timed together, so that no single wait for the disk counts much.
HUNDRED: Final = 100

UPDATES: Final = """
SELECT sum(n_tup_upd), sum(n_tup_hot_upd) FROM pg_stat_user_tables WHERE relname = ANY(%s)
"""

# How much of the log between two places is whole pages, written at the first change of each after a
# checkpoint.
IMAGES: Final = "SELECT sum(fpi_size) FROM pg_get_wal_stats(%s, %s)"


class Writing(NamedTuple):
    """Of many acts: how many in a second; the bytes of the log for one, whole pages among them.

    `in_place` is the share of rows updated within their page, and without a change of any index
    (HOT). What cannot be told is None.
    """

    rate: float
    log: float
    images: float | None
    in_place: float | None


def watch_writing(acts: Sequence[Callable[[], object]]) -> Writing:
    """Do them and return what they wrote. A checkpoint goes before."""
    settle()
    updates, start = _updates(), _place_in_log()
    rate = _rate(acts)
    end = _place_in_log()
    # What a connection has counted is told when it closes.
    connection.close()
    updated, in_place = (after - before for after, before in zip(_updates(), updates, strict=True))
    images = _ask(IMAGES, start, end)[0] if _can_look_into_log() else None
    return Writing(
        rate,
        _ask("SELECT pg_wal_lsn_diff(%s, %s)", end, start)[0] / len(acts),
        None if images is None else images / len(acts),
        in_place / updated if updated else None,
    )


def _rate(acts: Sequence[Callable[[], object]]) -> float:
    seconds = []
    with frozen_heap():
        for place in range(0, len(acts), HUNDRED):
            together = acts[place : place + HUNDRED]
            start = perf_counter()
            for act in together:
                act()
            seconds.append((perf_counter() - start) / len(together))
    return 1 / median(seconds)


def _updates() -> tuple[int, int]:
    tables = [model._meta.db_table for model in (Session, RefreshToken)]
    updated, in_place = _ask(UPDATES, tables)
    return int(updated), int(in_place)


def _place_in_log() -> str:
    return str(_ask("SELECT pg_current_wal_lsn()")[0])


def _can_look_into_log() -> bool:
    """Install what looks into the log, in the database that will be dropped, if it is there."""
    name = "pg_walinspect"
    is_there, may = _ask(
        "SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = %s),"
        " current_setting('is_superuser') = 'on'",
        name,
    )
    if is_there and may:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    return bool(is_there and may)


def _ask(sql: str, *params: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[Any, ...] = tuple(
            # Sums and differences are decimals.
            float(value) if hasattr(value, "as_tuple") else value
            for value in cursor.fetchone()
        )
        return row
