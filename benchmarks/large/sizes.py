"""What sessions take: bytes in the database for each, and how much one connection can write.

On PostgreSQL, which alone tells all of it.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.test import RequestFactory

from benchmarks.large.asking import random_sessions
from benchmarks.large.copies import fresh_copy
from benchmarks.large.filling import fill_last_month
from benchmarks.large.writing import watch_writing
from benchmarks.reporting import format_rows
from benchmarks.sides import USER_AGENT, WrongAnswer
from jwt_sessions import sessions as ours
from jwt_sessions.models import RefreshToken, RevokedReason, Session
from jwt_sessions.tokens import mint_refresh_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from django.http import HttpRequest

    from benchmarks.large.writing import Writing

    Act = Callable[[], object]

# At most so many of each act, and of few sessions so large a share.
ACTS: Final = 5_000
SHARE: Final = 4

# A table and its indexes, the largest first.
BYTES: Final = """
SELECT relname, pg_relation_size(oid) FROM pg_class
WHERE oid = %(table)s::regclass
   OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = %(table)s::regclass)
ORDER BY relkind DESC, 2 DESC, 1
"""

BYTES_HEADINGS: Final = (("of {sessions:,} sessions", "bytes for each"),)
WRITING_HEADINGS: Final = (
    ("", "by one connection", "log for each", "of that whole pages", "updated in place"),
    ("act", "a second", "bytes", "bytes", "%"),
)


def report(*, sessions: int, rounds: int, turns: int) -> str:
    """Fill, look, write, and return both tables."""
    if connection.vendor != "postgresql":
        return "sizes: on PostgreSQL only"
    with fresh_copy("filled"):
        fill_last_month(sessions)
        headings = [tuple(cell.format(sessions=sessions) for cell in row) for row in BYTES_HEADINGS]
        taken = format_rows([*headings, *_bytes(sessions)])
        count = min(ACTS, sessions // SHARE)
        rows = [_writing_row(name, watch_writing(acts)) for name, acts in _acts(count)]
        return f"{taken}\n\n{format_rows([*WRITING_HEADINGS, *rows])}"


def _bytes(sessions: int) -> Iterator[tuple[str, str]]:
    total = 0
    for model in (Session, RefreshToken):
        with connection.cursor() as cursor:
            cursor.execute(BYTES, {"table": model._meta.db_table})
            for name, size in cursor.fetchall():
                total += size
                yield name, f"{size / sessions:.1f}"
    yield "all", f"{total / sessions:.1f}"


def _acts(count: int) -> Iterator[tuple[str, Sequence[Act]]]:
    """Yield acts that are ready to be done, and are done before the next ones are asked for."""
    chosen = random_sessions(count=count)
    yield "sign in", [partial(ours.start, each.user, request=_request()) for each in chosen]
    tokens = {each.pk: mint_refresh_token(each.refresh_token) for each in chosen}
    yield "refresh, the first", [partial(_refresh, tokens, sid) for sid in tokens]
    # In another order, as nobody comes back in the order of before.
    again = random.sample([*tokens], len(tokens))
    yield "refresh, the second", [partial(_refresh, tokens, sid) for sid in again]
    yield "revoke", [partial(_revoke, each) for each in random_sessions(count=count)]


def _refresh(tokens: dict[Any, str], sid: Any) -> None:
    pair = ours.refresh(tokens[sid], request=_request())
    if isinstance(pair, ours.Refusal):
        raise WrongAnswer(f"not refreshed: {pair.reason}")
    tokens[sid] = pair.refresh


def _revoke(session: Session) -> None:
    if not ours.revoke(session.pk, reason=RevokedReason.SIGNED_OUT):
        raise WrongAnswer("nothing was revoked")


def _request() -> HttpRequest:
    """Return what somebody sends from anywhere."""
    address = f"100.{random.getrandbits(8)}.{random.getrandbits(8)}.{random.getrandbits(8)}"
    factory = RequestFactory(HTTP_USER_AGENT=USER_AGENT, REMOTE_ADDR=address)
    request: HttpRequest = factory.post("/")
    return request


def _writing_row(name: str, seen: Writing) -> tuple[str, ...]:
    return (
        name,
        f"{seen.rate:,.0f}",
        f"{seen.log:,.0f}",
        "-" if seen.images is None else f"{seen.images:,.0f}",
        "-" if seen.in_place is None else f"{100 * seen.in_place:.0f}",
    )
