"""Refresh the newest token of one sign-in, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.sides import Side


def steps(side: Side) -> Iterator[Callable[[], object]]:
    """Yield refreshes, each with the refresh token that the one before it returned."""
    exchange = side.login()
    exchange.send()
    while True:
        refresh: str = exchange.answer()["refresh"]
        exchange = side.post("token/refresh/", {"refresh": refresh})
        yield exchange.send
