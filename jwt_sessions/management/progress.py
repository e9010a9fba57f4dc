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
        with tqdm(total=total, unit=f" {unit}", file=_InOneLine(stream)) as bar:
            yield lambda done: _advance(bar, done)
        return
    next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def tell(done: int) -> None:
        nonlocal next_line
        if (now := time.monotonic()) >= next_line:
            next_line = now + SECONDS_BETWEEN_LINES
            stream.write(f"{done} of {total} {unit}")

    yield tell


def _advance(bar: Any, done: int) -> None:
    bar.update(done - bar.n)


class _InOneLine:
    """A command's stdout without the new line that it ends all writing with."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        self._stream.write(text, ending="")
