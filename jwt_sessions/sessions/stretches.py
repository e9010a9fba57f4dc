"""Asking for the first rows of many stretches of time, in one statement, in the order of an index.

However many rows there are, no more are read than the first ones of each stretch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from django.db import connections

from jwt_sessions.models import SecurityEvent, SecurityEventKind, Session, session_alias
from jwt_sessions.models.identifiers import least_uuid7

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

# No statement reads more rows. SQLite takes no more than 500 SELECTs in one.
ROWS: Final = 20_000
SELECTS: Final = 400

Stretch = tuple["datetime", "datetime"]


@dataclass(frozen=True, slots=True)
class Index:
    """The rows of a model by one column, and what an index has before it."""

    model: Any
    column: str
    before: str = ""
    condition: str = ""
    key: Callable[[datetime], Any] = lambda moment: moment


SIGN_INS: Final = Index(Session, "id", key=least_uuid7)
REVOCATIONS: Final = Index(Session, "revoked_at")
# Here it is the way to find them: those that have expired are left out by the index as well.
UNREVOKED_ENDS: Final = Index(Session, "expires_at", "revoked_at", "{revoked_at} IS NULL")
REUSES: Final = Index(
    SecurityEvent, "at", "kind", f"{{kind}} = '{SecurityEventKind.REFRESH_TOKEN_REUSED.value}'"
)


def cut(start: datetime, end: datetime, number: int) -> Iterator[Stretch]:
    """Cut a time into so many stretches of the same length."""
    bounds = [start + (end - start) * each // number for each in range(number + 1)]
    for low, high in pairwise(bounds):
        if low < high:
            yield low, high


def count_each(
    index: Index,
    stretches: Sequence[Stretch],
    *,
    limit: int,
    by: Sequence[str] = (),
    last: bool = False,
) -> list[list[Any]]:
    """Return for each stretch how many rows have which values of the columns `by`.

    They are tuples of these values, the number, and, with `last`, the last value of the index's
    column as the database has it. No more than `limit` rows of each stretch are counted.
    """
    counts: list[list[Any]] = [[] for _ in stretches]
    groups = "".join(f"s.{name}, " for name in by)
    select = f"{groups}COUNT(*), {_greatest(index) if last else 'NULL'}"
    for number, *row in _ask(index, stretches, limit, (*by, index.column), select, by):
        # Without GROUP BY there is a row for nothing too.
        if row[-2]:
            counts[number].append(row)
    return counts


def _greatest(index: Index) -> str:
    if connections[session_alias()].vendor == "postgresql" and index.column == "id":
        # PostgreSQL knows no greatest UUID, but their texts sort as they do.
        return 'MAX(s.id::text COLLATE "C")'
    return f"MAX(s.{index.column})"


def first_of_each(
    index: Index, stretches: Sequence[Stretch], *, limit: int, columns: Sequence[str]
) -> list[list[Any]]:
    """Return the first rows of each stretch: tuples of these columns, as the database has them.

    Lateral joins promise no order, so they are put in that of the first column.
    """
    found: list[list[Any]] = [[] for _ in stretches]
    for number, *row in _ask(index, stretches, limit, columns, "s.*", ()):
        found[number].append(row)
    for rows in found:
        rows.sort(key=itemgetter(0))
    return found


def reader(index: Index, column: str) -> Callable[[Any], Any]:
    """Return what makes Python's value of the database's, as Django does."""
    connection: Any = connections[session_alias()]
    model = index.model
    field = next(each for each in model._meta.concrete_fields if each.column == column)
    expression = field.get_col(model._meta.db_table)
    converters = [
        *connection.ops.get_db_converters(expression),
        *field.get_db_converters(connection),
    ]

    def read(value: Any) -> Any:
        for convert in converters:
            value = convert(value, expression, connection)
        return value

    return read


def _ask(
    index: Index,
    stretches: Sequence[Stretch],
    limit: int,
    columns: Sequence[str],
    select: str,
    by: Sequence[str],
) -> list[tuple[Any, ...]]:
    """Ask some stretches at a time, so that no statement reads too much."""
    at_once = min(ROWS // limit, SELECTS)
    found: list[tuple[Any, ...]] = []
    connection: Any = connections[session_alias()]
    write = _lateral if connection.vendor == "postgresql" else _union
    for first in range(0, len(stretches), at_once):
        some = stretches[first : first + at_once]
        inner = _rows(index, limit, columns, connection)
        sql, params = write(index, inner, some, select, by, connection)
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            found += ((first + number, *row) for number, *row in cursor.fetchall())
    return found


def _rows(index: Index, limit: int, columns: Sequence[str], connection: Any) -> str:
    """Return the SELECT of one stretch, whose bounds are left open."""
    quote, meta = connection.ops.quote_name, index.model._meta
    column = quote(index.column)
    condition = index.condition.format(**{index.before: quote(index.before)}) or "1 = 1"
    # MariaDB sees that the index has the order if what is the same in all is left out, PostgreSQL
    # if it is named.
    is_left_out = connection.vendor == "mysql" or not index.before
    order = column if is_left_out else f"{quote(index.before)}, {column}"
    return (
        f"SELECT {', '.join(map(quote, columns))} FROM {quote(meta.db_table)}"  # noqa: S608 - names of ours
        f" WHERE {condition} AND {column} >= {{}} AND {column} < {{}}"
        f" ORDER BY {order} LIMIT {limit}"
    )


def _union(
    index: Index,
    inner: str,
    stretches: Sequence[Stretch],
    select: str,
    by: Sequence[str],
    connection: Any,
) -> tuple[str, list[Any]]:
    group = f" GROUP BY {', '.join(f's.{name}' for name in by)}" if by else ""
    rows = inner.format("%s", "%s")
    selects = [
        f"SELECT {number}, {select} FROM ({rows}) s{group}"  # noqa: S608 - names of ours
        for number in range(len(stretches))
    ]
    lows, highs = _bounds(index, stretches, connection)
    params = [bound for ends in zip(lows, highs, strict=True) for bound in ends]
    return " UNION ALL ".join(selects), params


def _lateral(
    index: Index,
    inner: str,
    stretches: Sequence[Stretch],
    select: str,
    by: Sequence[str],
    connection: Any,
) -> tuple[str, list[Any]]:
    """Return the same for PostgreSQL, which would take longer to plan a union than to run it."""
    type_ = index.model._meta.get_field(index.column).db_type(connection)
    groups = ", ".join(["v.n", *(f"s.{name}" for name in by)])
    group = f" GROUP BY {groups}" if "COUNT" in select else ""
    rows = inner.format("v.low", "v.high")
    sql = (
        f"SELECT v.n - 1, {select}"  # noqa: S608 - names of ours
        f" FROM unnest(%s::{type_}[], %s::{type_}[]) WITH ORDINALITY v(low, high, n)"
        f" CROSS JOIN LATERAL ({rows}) s{group}"
    )
    return sql, _bounds(index, stretches, connection)


def _bounds(index: Index, stretches: Sequence[Stretch], connection: Any) -> list[list[Any]]:
    """Return where the stretches begin and where they end, for the database."""
    prepare = index.model._meta.get_field(index.column).get_db_prep_value
    # Most begin where another one ends.
    moments = {moment for ends in stretches for moment in ends}
    values = {moment: prepare(index.key(moment), connection) for moment in moments}
    return [[values[ends[side]] for ends in stretches] for side in (0, 1)]
