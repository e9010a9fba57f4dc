"""Counting that stops: a page of millions of rows must not wait for their number."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.paginator import Paginator
from django.utils.functional import cached_property


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Pages of the first rows. Beyond `bound` none is counted, and there are no more pages."""

    bound: ClassVar[int] = 10_000

    @cached_property
    def count(self) -> int:
        """How many rows have pages."""
        return min(self._counted, self.bound)

    @property
    def has_more(self) -> bool:
        """Whether there are rows beyond."""
        return self._counted > self.bound

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: self.bound + 1].count())
