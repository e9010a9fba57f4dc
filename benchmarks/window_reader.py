"""A process that reads the window of recent revocations, and tells what that takes.

``python -m benchmarks.window_reader TURNS`` prints the seconds of each reading, the bytes that are
kept, by how much the process has grown once it has read and kept them, and at most, and how many
nanoseconds it takes to look for one session.
"""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import django

if TYPE_CHECKING:
    from collections.abc import Iterator

# Looked for; every other one is there, where there are any.
WANTED: Final = 10_000


def main(turns: str) -> None:
    """Read so often, and tell."""
    django.setup()
    # It needs the models, which are ready only now.
    from jwt_sessions.models import Session
    from jwt_sessions.revocation.window import Knowledge, read_window

    # Whatever is done once in a process.
    Session.objects.order_by("pk").values_list("pk", flat=True).first()
    before, most_before = _resident(), _most_resident()
    seconds, kept = [], None
    for _ in range(int(turns)):
        start = perf_counter()
        ids = read_window()
        seconds.append(perf_counter() - start)
        if kept is None:
            kept, grown, peak = ids, _resident() - before, _most_resident() - most_before
    known = Knowledge(None, 0.0, kept)
    wanted = [*_some_of(kept or b"")]
    start = perf_counter()
    for sid in wanted:
        known.has(sid)
    facts = {
        "seconds": seconds,
        "kept": sys.getsizeof(kept),
        "ids": len(kept or b"") // 16,
        "grown": grown,
        "peak": peak,
        "has": (perf_counter() - start) / len(wanted) * 1e9,
    }
    print(json.dumps(facts))


def _some_of(ids: bytes | bytearray) -> Iterator[UUID]:
    for number in range(WANTED):
        if number % 2 and ids:
            place = 16 * random.randrange(len(ids) // 16)  # noqa: S311 - for no secret
            yield UUID(bytes=bytes(ids[place : place + 16]))
        else:
            yield uuid4()


def _resident(name: str = "VmRSS") -> int:
    """Return the memory that this process has, in bytes."""
    # getrusage() would tell of the process that this one was forked from.
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _most_resident() -> int:
    return _resident("VmHWM")


if __name__ == "__main__":
    main(*sys.argv[1:])
