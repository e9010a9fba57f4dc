"""Numbers for people, that say how exact they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Number:
    """How many: exactly, about, or at least `value`."""

    value: int
    is_estimate: bool = False
    is_minimum: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether it was counted to the end."""
        return not (self.is_estimate or self.is_minimum)

    @classmethod
    def about(cls, value: float, *, at_least: int = 0) -> Self:
        """Return an estimate, unless it is known that there are more."""
        if at_least and round(value) <= at_least:
            return cls(at_least, is_minimum=True)
        return cls(round(value), is_estimate=True)

    @classmethod
    def sum(cls, numbers: Iterable[Number]) -> Self:
        """Return all together, which is as inexact as any of them."""
        numbers = list(numbers)
        is_estimate = any(each.is_estimate for each in numbers)
        return cls(
            sum(each.value for each in numbers),
            is_estimate=is_estimate,
            is_minimum=not is_estimate and any(each.is_minimum for each in numbers),
        )
