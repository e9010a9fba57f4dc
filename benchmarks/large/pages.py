"""The admin's pages: the same ones of a large and of a small table, whole requests.

Beside us stand we ourselves with few sessions, and where there is one Django's stock list of the
same rows. Two databases of one server, asked for one page after the other in turn.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.databases import connected_to, copied, settle
from benchmarks.large.addresses import pages
from benchmarks.large.filling import fill_last_month
from benchmarks.large.operator import Operator, admin_installed
from benchmarks.large.variety import diversify
from benchmarks.reporting import format_rows
from benchmarks.sides import WrongAnswer
from benchmarks.statements import count_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

    from benchmarks.large.addresses import Page
    from benchmarks.statements import Statements

FEW: Final = 2_000
# Not so many that it takes minutes: stock lists may take seconds each.
ROUNDS: Final = 10
ROUNDS_OF_STOCK: Final = 3
# How Django's lists begin the cell that leads to the row.
ROW: Final = b'<th class="field-'

HEADINGS: Final = (
    ("", "{few:,} sessions", "{many:,}", "aim", "", "stock, {few:,}", "{many:,}"),
    ("page", "ms", "ms", "ms", "statements", "ms", "ms"),
)


class Seen(NamedTuple):
    """What was seen of a page on one database: milliseconds, and what it sent."""

    name: str
    page: Page
    ours: float
    statements: Statements
    stock: float | None


def report(*, sessions: int, rounds: int, turns: int) -> str:
    """Fill both, ask for each page on either, and return the table."""
    few = min(FEW, sessions)
    with admin_installed(), copied("large") as large, copied("small") as small:
        for database, count in ((large, sessions), (small, few)):
            with connected_to(database):
                fill_last_month(count)
                diversify()
        sides = [_asker(database, rounds) for database in (small, large)]
        rows = [_row(*seen) for seen in zip(*sides, strict=True)]
    headings = [tuple(cell.format(few=few, many=sessions) for cell in row) for row in HEADINGS]
    return format_rows([*headings, *rows])


def _asker(database: BaseDatabaseWrapper, rounds: int) -> Iterator[Seen]:
    """Yield what is seen of each page; the other database has its turn before the next one."""
    with connected_to(database):
        settle()
        operator, asked = Operator(), pages()
    for name, page in asked.items():
        with connected_to(database):
            seen = _look(operator, name, page, rounds)
        yield seen


def _look(operator: Operator, name: str, page: Page, rounds: int) -> Seen:
    statements, ours = _time(operator, _request(operator, page), min(rounds, ROUNDS))
    stock = None
    if page.stock:
        plain = _request(operator, page._replace(address=page.stock))
        _, stock = _time(operator, plain, min(rounds, ROUNDS_OF_STOCK))
    return Seen(name, page, ours, statements, stock)


def _time(operator: Operator, request: Callable[[], None], rounds: int) -> tuple[Statements, float]:
    """Return what it sends, and how many milliseconds it takes; the first one is not counted."""
    statements = count_statements(request)
    operator.seconds.clear()
    for _ in range(rounds):
        request()
    return statements, median(operator.seconds) * 1000


def _request(operator: Operator, page: Page) -> Callable[[], None]:
    def get() -> None:
        response = operator.get(page.address)
        shown = response.content.count(ROW)
        if page.rows not in {None, shown}:
            raise WrongAnswer(f"{page.address}: {shown} rows, not {page.rows}")

    def preview() -> None:
        response = operator.post(page.address, page.sent or {})
        # The form is shown again where it was not understood.
        if b'name="seal"' not in response.content:
            raise WrongAnswer(f"no preview of {page.sent}")

    return get if page.sent is None else preview


def _row(small: Seen, large: Seen) -> tuple[str, ...]:
    return (
        large.name,
        *(_milliseconds(seen.ours) for seen in (small, large)),
        f"{large.page.aim:,}",
        str(large.statements),
        *(_milliseconds(seen.stock) for seen in (small, large)),
    )


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
