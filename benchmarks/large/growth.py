"""What it costs that there are many sessions: the same requests to a large and to a small table.

Two databases of one server, asked in turn. Beside us stand we ourselves, with few sessions.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from benchmarks.databases import connect_to, connected_to, copied, settle
from benchmarks.large.asking import random_sessions, refreshes
from benchmarks.large.filling import fill_last_month, revoke_by_chance, tidy
from benchmarks.measuring import measure
from benchmarks.reporting import tables
from benchmarks.sides import Side, WrongAnswer
from benchmarks.works import CACHED, Work
from benchmarks.works.authenticate import Call
from jwt_sessions.authentication import JWTSessionAuthentication
from jwt_sessions.models import Session
from jwt_sessions.revocation import cached
from jwt_sessions.tokens import mint_access_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from django.db.backends.base.base import BaseDatabaseWrapper

    Databases = Mapping[bool, BaseDatabaseWrapper]

FEW: Final = 10_000
# Of so many sessions one was revoked a moment ago, where the cached check is measured.
SESSIONS_FOR_A_REVOKED: Final = 200


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
        works = (
            _work("authenticate", authenticate_steps, databases, few, sessions),
            _work("refresh", refresh_steps, databases, few, sessions),
            # The last one: who was revoked can do none of the others.
            _work("authenticate, cached", cached_steps, databases, few, sessions, settings=CACHED),
        )
        with connected_to(large), knowledge_for_each_database():
            return tables([measure(work, rounds=rounds) for work in works])


def authenticate_steps(
    side: Side, *, databases: Databases, touches_user: bool = True
) -> Iterator[Callable[[], object]]:
    """Yield a call for each session, and so on."""
    database = databases[side.is_ours]
    connect_to(database)
    now = timezone.now()
    calls = [
        (
            Call(
                JWTSessionAuthentication,
                mint_access_token(session, now=now),
                touches_user=touches_user,
            ),
            session.user.username if touches_user else session.user.pk,
        )
        for session in random_sessions(revoked_at=None)
    ]
    for call, expected in cycle(calls):
        connect_to(database)
        yield call
        if call.found != expected:
            raise WrongAnswer(f"{call.found} was found, not {expected}")


def cached_steps(side: Side, *, databases: Databases) -> Iterator[Callable[[], object]]:
    """Yield the same calls without a query, where some other sessions were just revoked."""
    with connected_to(databases[side.is_ours]):
        revoke_by_chance(count=Session.objects.count() // SESSIONS_FOR_A_REVOKED)
        tidy()
    yield from authenticate_steps(side, databases=databases, touches_user=False)


def refresh_steps(side: Side, *, databases: Databases) -> Iterator[Callable[[], object]]:
    """Yield a refresh of each session, and so on."""
    database = databases[side.is_ours]
    connect_to(database)
    for exchange in refreshes(side.application, random_sessions()):
        connect_to(database)
        yield exchange.send


def knowledge_for_each_database() -> Any:
    """Let what the process knows of revoked sessions depend on the database that it is at."""
    checks: defaultdict[Any, cached.CachedCheck] = defaultdict(cached.CachedCheck)
    # A process has one database, and so one of these.
    return patch.object(cached, "this_process", lambda: checks[connections[DEFAULT_DB_ALIAS]])


def _work(
    name: str,
    steps: Callable[..., Iterator[Callable[[], object]]],
    databases: Databases,
    few: int,
    many: int,
    **options: Any,
) -> Work:
    return Work(
        name,
        partial(steps, databases=databases),
        aim=1.2,
        must=1.4,
        beside=f"{few:,} sessions",
        ours=f"{many:,}",
        **options,
    )
