"""Works of another kind: on millions of sessions, which take minutes to prepare.

A file for each, with a ``report`` that prepares the tables, measures, and returns what is printed.
They are run when asked for by name, or all of them by ``--large``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.large import bulk, clear, growth, pages, sizes, steps, window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORKS: Final[Mapping[str, Callable[..., str]]] = {
    "growth": growth.report,
    "sizes": sizes.report,
    "window": window.report,
    "pages": pages.report,
    "steps": steps.report,
    "bulk": bulk.report,
    "clear": clear.report,
}
