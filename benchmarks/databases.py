"""The scratch database: created for one run, and dropped; and copies of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper


def why_absent() -> str | None:
    """Return why the database server does not answer, or None if it does."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        return str(error).strip()
    return None


@contextmanager
def scratch_database() -> Iterator[None]:
    """Create a database with all tables; drop it in the end, whatever happens."""
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def scratch_environment() -> dict[str, str]:
    """Return the variables by which another process finds the database that we are at."""
    return {"BENCHMARK_NAME": str(connection.settings_dict["NAME"])}


@contextmanager
def copied(suffix: str) -> Iterator[BaseDatabaseWrapper]:
    """Copy the database that we are at as it is, yield a connection to the copy, and drop it."""
    original = connections[DEFAULT_DB_ALIAS]
    # On SQLite the last one to close brings what is in the log to the file that is copied.
    original.close()
    original.creation.clone_test_db(suffix, verbosity=0, autoclobber=True)
    copy = original.copy()
    copy.settings_dict = original.creation.get_test_db_clone_settings(suffix)
    try:
        yield copy
    finally:
        copy.close()
        original.creation.destroy_test_db(verbosity=0, suffix=suffix)


def connect_to(database: BaseDatabaseWrapper) -> None:
    """Let everything that asks for Django's default database be at `database`."""
    connections[DEFAULT_DB_ALIAS] = database


@contextmanager
def connected_to(database: BaseDatabaseWrapper) -> Iterator[None]:
    """Be at `database` for a while."""
    before = connections[DEFAULT_DB_ALIAS]
    connect_to(database)
    try:
        yield
    finally:
        connect_to(before)


def settle() -> None:
    """Connect, and have the database do now what it would else do while something is measured."""
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
