"""A site at work: a process that refreshes sessions, one after the other, and takes the time.

``python -m benchmarks.busy_site SINCE`` takes sessions that began since then. It says that it is
ready, goes on until its input is closed, and then tells when each refresh began, how many seconds
it took, and whether it was served.
"""

from __future__ import annotations

import json
import select
import sys
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

import django

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.sides import Exchange

WARM_UP: Final = 50


def main(since: str) -> None:
    """Refresh until nobody listens any more."""
    django.setup()
    exchanges = _refreshes(datetime.fromisoformat(since))
    for _ in range(WARM_UP):
        _time(next(exchanges))
    print("ready", flush=True)
    seen = []
    while not select.select([sys.stdin], [], [], 0)[0]:
        seen.append(_time(next(exchanges)))
    print(json.dumps(seen))


def _refreshes(since: datetime) -> Iterator[Exchange]:
    # They need the models, which are ready only now.
    from django.core.handlers.wsgi import WSGIHandler

    from benchmarks.large.asking import random_sessions, refreshes

    return refreshes(WSGIHandler(), random_sessions(created_at__gte=since))


def _time(exchange: Exchange) -> tuple[float, float, bool]:
    from benchmarks.sides import WrongAnswer

    start, is_served = monotonic(), True
    try:
        exchange.send()
    except WrongAnswer:
        is_served = False
    # The same clock for all processes.
    return start, monotonic() - start, is_served


if __name__ == "__main__":
    main(*sys.argv[1:])
