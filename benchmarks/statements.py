"""How many statements an operation sends to the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import connection
from django.test.utils import CaptureQueriesContext

if TYPE_CHECKING:
    from collections.abc import Callable

TRANSACTION_WORDS: Final = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"})


@dataclass(frozen=True)
class Statements:
    """Queries, and what only opens and closes transactions."""

    queries: int
    transaction: int

    def __str__(self) -> str:
        return f"{self.queries} + {self.transaction}"


def count_statements(operation: Callable[[], object]) -> Statements:
    """Run `operation` and return what it sent."""
    with CaptureQueriesContext(connection) as captured:
        operation()
    words = [query["sql"].split(maxsplit=1)[0].upper() for query in captured.captured_queries]
    transaction = sum(word in TRANSACTION_WORDS for word in words)
    return Statements(len(words) - transaction, transaction)
