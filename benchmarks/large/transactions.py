"""How long locks are held: from the begin of a transaction to its end."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Transactions:
    """What was seen of the transactions of this connection."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began: float | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch for a while."""
        database: Any = connection
        switch = database.set_autocommit

        def set_autocommit(autocommit: bool, *args: Any, **options: Any) -> None:
            if not autocommit:
                self._began = perf_counter()
            switch(autocommit, *args, **options)
            if autocommit and self._began is not None:
                self._ended(self._began)
                self._began = None

        database.set_autocommit = set_autocommit
        try:
            with connection.execute_wrapper(self._execute):
                yield
        finally:
            del database.set_autocommit

    def _execute(
        self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any
    ) -> Any:
        """Watch a statement that is a transaction by itself."""
        start, is_alone = perf_counter(), connection.get_autocommit()
        try:
            return execute(sql, params, many, context)
        finally:
            if is_alone:
                self._ended(start)

    def _ended(self, began: float) -> None:
        self.longest = max(self.longest, perf_counter() - began)
