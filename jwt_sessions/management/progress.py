"""How far a command is: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES: Final = 10


@contextmanager
def progress(stream: Any, *, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Yield what is told how many are done in all by now; `stream` is the command's stdout."""
    if stream.isatty():
        with _bare(stream), tqdm(total=total, unit=f" {unit}", file=stream) as bar:
            yield lambda done: _advance(bar, done)
        return
    next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def tell(done: int) -> None:
        nonlocal next_line
        if (now := time.monotonic()) >= next_line:
            next_line = now + SECONDS_BETWEEN_LINES
            stream.write(f"{done} of {total} {unit}")

    yield tell


@contextmanager
def _bare(stream: Any) -> Iterator[None]:
    """Let nothing end in a new line by itself: a bar is drawn again and again on the same one."""
    ending, stream.ending = stream.ending, ""
    try:
        yield
    finally:
        stream.ending = ending


def _advance(bar: Any, done: int) -> None:
    bar.update(done - bar.n)
