"""The works that are measured, a file for each.

``steps`` of a work is a generator: it gets a ``Side``, prepares one operation, yields it, and goes
on to the next when it was run. Only what it yields is timed.

``settings`` override those of ``benchmarks.settings`` for both sides while the work is measured, so
that the same steps make another work: ``Work("login-as-x", login.steps, aim=..., must=...,
settings={...})``. Views read DRF's settings once, when their class is made, so what shall be
otherwise there, throttles say, takes a ``ROOT_URLCONF`` of its own with ``as_view(...)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.settings import JWT_SESSIONS
from benchmarks.works import login, refresh
from jwt_sessions.rates import DEFAULT_THROTTLE_RATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.sides import Side


@dataclass(frozen=True)
class Work:
    """What is done, and how its ratio, us to simplejwt, should come out."""

    name: str
    steps: Callable[[Side], Iterator[Callable[[], object]]]
    aim: float
    must: float
    settings: Mapping[str, Any] = field(default_factory=dict)


# DRF's throttle counts by caller alone; ours by caller and by account or session.
THROTTLED: Final = {
    "ROOT_URLCONF": "benchmarks.throttled_urls",
    "JWT_SESSIONS": {
        **JWT_SESSIONS,
        "THROTTLE_RATES": dict.fromkeys(DEFAULT_THROTTLE_RATES, "1000000/s"),
    },
}

WORKS: Final = (
    Work("refresh", refresh.steps, aim=0.35, must=0.50),
    Work("login", login.steps, aim=1.2, must=1.5),
    Work("refresh, limited", refresh.steps, aim=0.35, must=0.50, settings=THROTTLED),
    Work("login, limited", login.steps, aim=1.2, must=1.5, settings=THROTTLED),
)
