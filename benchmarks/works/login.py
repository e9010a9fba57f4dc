"""Sign in with a password; ``last_login`` is updated on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.sides import Side


def steps(side: Side) -> Iterator[Callable[[], object]]:
    """Yield one login after the other."""
    while True:
        yield side.login().send
