"""The scratch database: created for one run, and dropped."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import OperationalError, connection

if TYPE_CHECKING:
    from collections.abc import Iterator


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
