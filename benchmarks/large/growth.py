"""What it costs that there are many sessions: the same requests to a large and to a small table.

Two databases of one server, asked in turn. Beside us stand we ourselves, with few sessions.
"""

from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from benchmarks.databases import connect_to, connected_to, copied, settle
from benchmarks.large.asking import random_sessions, refreshes
from benchmarks.large.filling import fill_last_month
from benchmarks.measuring import measure
from benchmarks.reporting import tables
from benchmarks.sides import Side, WrongAnswer
from benchmarks.works import Work
from benchmarks.works.authenticate import Call
from jwt_sessions.authentication import JWTSessionAuthentication
from jwt_sessions.tokens import mint_access_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from django.db.backends.base.base import BaseDatabaseWrapper

    Databases = Mapping[bool, BaseDatabaseWrapper]

FEW: Final = 2_000


def report(*, sessions: int, rounds: int, turns: int) -> str:
    """Fill both, measure, and return the table."""
    few = min(FEW, sessions)
    with copied("large") as large, copied("small") as small:
        for database, count in ((large, sessions), (small, few)):
            with connected_to(database):
                fill_last_month(count)
        settle()
        # By whether it is the large one: "our side".
        databases = {True: large, False: small}
        with connected_to(large):
            works = (
                _work("authenticate", authenticate_steps, databases, few, sessions),
                _work("refresh", refresh_steps, databases, few, sessions),
            )
            return tables([measure(work, rounds=rounds) for work in works])


def authenticate_steps(side: Side, *, databases: Databases) -> Iterator[Callable[[], object]]:
    """Yield a call for each session, and so on."""
    database = databases[side.is_ours]
    connect_to(database)
    now = timezone.now()
    calls = [
        (Call(JWTSessionAuthentication, mint_access_token(session, now=now)), session.user.username)
        for session in random_sessions()
    ]
    for call, username in cycle(calls):
        connect_to(database)
        yield call
        if call.found != username:
            raise WrongAnswer(f"{call.found} was found, not {username}")


def refresh_steps(side: Side, *, databases: Databases) -> Iterator[Callable[[], object]]:
    """Yield a refresh of each session, and so on."""
    database = databases[side.is_ours]
    connect_to(database)
    for exchange in refreshes(side.application, random_sessions()):
        connect_to(database)
        yield exchange.send


def _work(
    name: str,
    steps: Callable[..., Iterator[Callable[[], object]]],
    databases: Databases,
    few: int,
    many: int,
) -> Work:
    return Work(
        name,
        partial(steps, databases=databases),
        aim=1.1,
        must=1.3,
        beside=f"{few:,} sessions",
        ours=f"{many:,}",
    )
