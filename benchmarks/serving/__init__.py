"""Whole requests a second: protected views under either authentication class, by gunicorn.

Ours stands beside simplejwt's by either check of revocations: a server for each.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import cycle
from typing import TYPE_CHECKING, Final

from django.core.handlers.wsgi import WSGIHandler

from benchmarks.bearers import bearers
from benchmarks.comparing import Comparison
from benchmarks.reporting import comparisons
from benchmarks.serving.client import Client, Question
from benchmarks.serving.server import gunicorn
from benchmarks.sides import OURS, Side

if TYPE_CHECKING:
    from benchmarks.bearers import Bearer

BESIDE: Final = "simplejwt"

# Requests of one side before it is the other one's turn: less than a second.
BLOCK: Final = 500
WARM_UP: Final = 200

# Rounds of other works for one turn of each side here.
ROUNDS_FOR_A_TURN: Final = 2

# What a view tells, and where it is.
NAME: Final = ("username", "whoami/")
KEY: Final = ("pk", "key/")


class Asker:
    """One side, one view, and the server that is asked for it."""

    def __init__(
        self, client: Client, side: str, tokens: list[Bearer], view: tuple[str, str]
    ) -> None:
        fact, path = view
        self.client = client
        self.questions = cycle(
            [Question.of_bearer(f"/{side}/{path}", bearer, fact=fact) for bearer in tokens]
        )
        self.rates: list[float] = []
        client.rate(self.questions, WARM_UP)

    def take_turn(self) -> None:
        """Ask so often as a side does in a row."""
        self.rates.append(self.client.rate(self.questions, BLOCK))


def report(*, rounds: int) -> str:
    """Measure and return the table. The tokens are those of the work authenticate."""
    theirs, ours = (bearers(Side(name, WSGIHandler())) for name in (BESIDE, OURS))
    with ExitStack() as stack:
        by_database, by_cache = (
            stack.enter_context(Client(stack.enter_context(gunicorn(check=check))))
            for check in ("database", "cached")
        )
        names = Asker(by_database, BESIDE, theirs, NAME)
        keys = Asker(by_database, BESIDE, theirs, KEY)
        ours_by_database = Asker(by_database, OURS, ours, NAME)
        untouched = Asker(by_cache, OURS, ours, KEY)
        touched = Asker(by_cache, OURS, ours, NAME)
        turns = [names, ours_by_database, touched, keys, untouched]
        for _ in range(max(1, rounds // ROUNDS_FOR_A_TURN)):
            for asker in turns:
                asker.take_turn()
            turns.reverse()
    table = comparisons(
        _compare("request", names, ours_by_database, aim=1.24, must=1.1),
        _compare("request, cached", keys, untouched),
        _compare("the same, user touched", names, touched),
    )
    return f"{table}\nHere more is better: the ratio should reach `aim`, and not be below `must`."


def _compare(
    name: str, theirs: Asker, ours: Asker, *, aim: float | None = None, must: float | None = None
) -> Comparison:
    return Comparison(name, BESIDE, "a second", theirs.rates, ours.rates, aim=aim, must=must)
