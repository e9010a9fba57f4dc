"""Whole requests a second: one gunicorn, one protected view under either authentication class."""

from __future__ import annotations

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
    from collections.abc import Iterator

BESIDE: Final = "simplejwt"

# Requests of one side before it is the other one's turn: less than a second.
BLOCK: Final = 500
WARM_UP: Final = 200

# Rounds of other works for one turn of each side here.
ROUNDS_FOR_A_TURN: Final = 2


def report(*, rounds: int) -> str:
    """Measure and return the table. The tokens are those of the work authenticate."""
    questions = [_questions(Side(name, WSGIHandler())) for name in (BESIDE, OURS)]
    rates: list[list[float]] = [[], []]
    turns = list(zip(questions, rates, strict=True))
    with gunicorn() as address, Client(address) as client:
        for asked in questions:
            client.rate(asked, WARM_UP)
        for _ in range(max(1, rounds // ROUNDS_FOR_A_TURN)):
            for asked, seen in turns:
                seen.append(client.rate(asked, BLOCK))
            turns.reverse()
    theirs, ours = rates
    table = comparisons(Comparison("request", BESIDE, "a second", theirs, ours, aim=1.24, must=1.1))
    return f"{table}\nHere more is better: the ratio should reach `aim`, and not be below `must`."


def _questions(side: Side) -> Iterator[Question]:
    return cycle([Question.of_bearer(f"/{side.name}/whoami/", bearer) for bearer in bearers(side)])
