"""The works that are measured, a file for each.

``steps`` of a work is a generator: it gets a ``Side``, prepares one operation, yields it, and goes
on to the next when it was run. Only what it yields is timed.

``settings`` override those of ``benchmarks.settings`` for both sides while the work is measured, so
that the same steps make another work: ``Work("login-as-x", login.steps, aim=..., must=...,
settings={...})``. Views read DRF's settings once, when their class is made, so what shall be
otherwise there, throttles say, takes a ``ROOT_URLCONF`` of its own with ``as_view(...)``.

A work need not be an HTTP exchange. ``beside`` then says what does it on the other side; the name
of the ``Side`` is that, and ``is_ours`` tells which one is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.keys import settings_to_sign_with
from benchmarks.settings import JWT_SESSIONS, REDIS
from benchmarks.works import authenticate, code, login, mint, page, read, refresh
from jwt_sessions.rates import DEFAULT_THROTTLE_RATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.sides import Side


@dataclass(frozen=True)
class Work:
    """What is done, and how its ratio, us to what stands beside us, should come out.

    Without `aim` and `must` it is measured for interest; `goals` has both where they are others
    on some database. `block` operations are one side's before it is the other one's turn. `times`
    is how often an operation is run for one timing, where once is over too soon for the clock.
    """

    name: str
    steps: Callable[[Side], Iterator[Callable[[], object]]]
    aim: float | None = None
    must: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    beside: str = "simplejwt"
    ours: str = "ours"
    block: int = 10
    times: int = 1
    goals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def goals_on(self, database: str) -> tuple[float | None, float | None]:
        """Return what the ratio should and must be on `database`."""
        return self.goals.get(database, (self.aim, self.must))


# DRF's throttle counts by caller alone; ours by caller and by account or session.
THROTTLED: Final = {
    "ROOT_URLCONF": "benchmarks.throttled_urls",
    "JWT_SESSIONS": {
        **JWT_SESSIONS,
        "THROTTLE_RATES": dict.fromkeys(DEFAULT_THROTTLE_RATES, "1000000/s"),
    },
}


CACHED: Final = {
    "CACHES": {"default": REDIS},
    "JWT_SESSIONS": {**JWT_SESSIONS, "REVOCATION_CHECK": "cached"},
}


def _read(algorithm: str, *, aim: float, must: float) -> Work:
    return Work(
        f"read {algorithm}",
        partial(read.steps, algorithm=algorithm),
        aim=aim,
        must=must,
        settings=settings_to_sign_with(algorithm),
        beside="jwt.decode",
        times=10,
    )


def _mint(algorithm: str) -> Work:
    return Work(
        f"mint {algorithm}",
        partial(mint.steps, algorithm=algorithm),
        settings=settings_to_sign_with(algorithm),
        beside="jwt.encode",
        times=10,
    )


WORKS: Final = (
    Work("refresh", refresh.steps, aim=0.25, must=0.35),
    Work("login", login.steps, aim=1.2, must=1.5),
    Work("code, beside a login", code.steps),
    Work("recovery code, the same", partial(code.steps, is_recovery_code=True)),
    Work("refresh, limited", refresh.steps, aim=0.25, must=0.35, settings=THROTTLED),
    Work("login, limited", login.steps, aim=1.2, must=1.5, settings=THROTTLED),
    Work(
        "authenticate",
        authenticate.steps,
        # With the default number of rounds each token is presented once.
        block=50,
        goals={
            "sqlite": (0.36, 0.50),
            "postgresql": (0.68, 0.85),
            "postgresql-prepared": (0.53, 0.70),
        },
    ),
    Work(
        "authenticate, cached",
        partial(authenticate.steps, touches_user=False),
        block=50,
        settings=CACHED,
        goals={"postgresql": (0.35, 0.50)},
    ),
    Work(
        "the same, user touched",
        authenticate.steps,
        block=50,
        settings=CACHED,
    ),
    Work(
        "page",
        page.steps,
        beside="Django",
        block=50,
        goals={
            "sqlite": (0.80, 1.00),
            "postgresql": (1.10, 1.40),
            "postgresql-prepared": (0.95, 1.20),
        },
    ),
    _read("HS256", aim=0.4, must=0.7),
    _read("RS256", aim=0.8, must=1.0),
    _read("ES256", aim=0.8, must=1.0),
    _read("EdDSA", aim=0.8, must=1.0),
    *(_mint(algorithm) for algorithm in ("HS256", "RS256", "ES256", "EdDSA")),
)
