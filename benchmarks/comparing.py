"""What is compared by few long turns instead of many short ones: seconds, or requests a second."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Comparison:
    """One work, done by both sides in turn: a figure for each turn, in `unit`."""

    name: str
    beside: str
    unit: str
    theirs: Sequence[float]
    ours: Sequence[float]
    aim: float | None = None
    must: float | None = None

    @property
    def ratio(self) -> float:
        """Our median to theirs."""
        return median(self.ours) / median(self.theirs)

    @property
    def ratios(self) -> list[float]:
        """The same for each pair of neighbouring turns, sorted."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return sorted(ours / theirs for ours, theirs in pairs)
