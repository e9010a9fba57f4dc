"""How long the database may think about a question, and what happens then."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import OperationalError, connections, transaction

from jwt_sessions.exceptions import TooSlow
from jwt_sessions.models import session_alias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

# How often SQLite asks whether it should stop: after so many steps of its machine.
STEPS: Final = 10_000
# PostgreSQL's query_canceled, MariaDB's ER_STATEMENT_TIMEOUT, MySQL's ER_QUERY_TIMEOUT.
CANCELED: Final = ("57014", 1969, 3024)


class Deadline:
    """When several questions in a row must be answered. In seconds from now; None: never."""

    def __init__(self, seconds: float | None) -> None:
        self.end = None if seconds is None else time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.end is not None and time.monotonic() >= self.end

    def ask(self, question: Callable[[], T]) -> T:
        """Return what `question` returns, of one statement. Raises ``TooSlow``."""
        if self.end is None:
            return question()
        left = self.end - time.monotonic()
        if left <= 0:
            raise TooSlow
        with at_most(left):
            return question()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let the database stop each statement that takes longer: ``TooSlow`` is raised.

    A database that has no such limit (none that Django comes with, but Oracle) is waited for.
    """
    connection: Any = connections[session_alias()]
    connection.ensure_connection()
    limit = LIMITS.get(connection.vendor)
    if limit is None:
        yield
        return
    try:
        with limit(connection, seconds):
            yield
    except OperationalError as error:
        if _is_canceled(error):
            raise TooSlow from error
        raise


def _is_canceled(error: OperationalError) -> bool:
    cause: Any = error.__cause__
    marks = (getattr(cause, "sqlstate", None), *getattr(cause, "args", ())[:1])
    return any(mark in CANCELED for mark in marks) or str(error) == "interrupted"


@contextmanager
def _on_postgresql(connection: Any, seconds: float) -> Iterator[None]:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        (before,) = cursor.fetchone()
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [_ms(seconds)])
        yield
        # For where this is a savepoint. A rollback to it does the same.
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])


@contextmanager
def _on_mysql(connection: Any, seconds: float) -> Iterator[None]:
    """Say it in each statement: a limit of the connection might stop what is to lift it."""
    limit = max(seconds, 0.001)

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if connection.mysql_is_mariadb:
            sql = f"SET STATEMENT max_statement_time = {limit:.3f} FOR {sql}"
        else:
            hint = f"SELECT /*+ MAX_EXECUTION_TIME({_ms(seconds)}) */ "
            sql = sql.replace("SELECT ", hint, 1)
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


@contextmanager
def _on_sqlite(connection: Any, seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    connection.connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        # Where DEBUG is on, Django asks for the text of a statement past its own errors.
        raise OperationalError(*error.args) from error
    finally:
        connection.connection.set_progress_handler(None, STEPS)


def _ms(seconds: float) -> str:
    return str(max(int(seconds * 1000), 1))


LIMITS: Final[dict[str, Callable[[Any, float], Any]]] = {
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
    "sqlite": _on_sqlite,
}
