"""Whom a bulk revocation would concern, told before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Count
from django.utils import timezone

from jwt_sessions.exceptions import TooSlow
from jwt_sessions.models import session_alias
from jwt_sessions.sessions.bulk import concerned, narrowable
from jwt_sessions.sessions.sampling import Sample, draw
from jwt_sessions.sessions.time_limit import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_sessions.models.session import SessionQuerySet

SAMPLE_SIZE: Final = 5
# Of how many sessions an estimate is made, and of how many of them it is asked whose they are.
SAMPLED: Final = 4_000
SESSIONS_ASKED: Final = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """How many sessions of how many people; `sample` has those who have most of them.

    Where it `is_estimate`, a count of 0 means few, not none.
    """

    count: int
    people: int
    kinds: dict[str, int]
    sample: list[tuple[Any, int]]
    is_estimate: bool = False


def preview(
    queryset: SessionQuerySet, *, sample_size: int = SAMPLE_SIZE, seconds: float | None = None
) -> Preview:
    """Return what ``revoke_in_batches`` would revoke if it started now. Four queries.

    Where `seconds` are given and counting takes longer, it is an estimate, which takes a little
    while more.
    """
    rows = concerned(narrowable(queryset)).order_by()
    deadline = Deadline(seconds)
    try:
        kinds = dict(deadline.ask(lambda: list(rows.values_list("kind").annotate(Count("pk")))))
        people = deadline.ask(lambda: rows.aggregate(people=Count("user", distinct=True))["people"])
        counts = deadline.ask(lambda: _largest(rows, sample_size))
    except TooSlow:
        return _estimate(rows, sample_size)
    return Preview(sum(kinds.values()), people, kinds, _named(counts))


def count_about(rows: SessionQuerySet, deadline: Deadline) -> tuple[int, bool]:
    """Return how many sessions a query has, and whether that is an estimate."""
    try:
        return deadline.ask(rows.count), False
    except TooSlow:
        return round(_sample(rows).total), True


def _sample(rows: SessionQuerySet) -> Sample:
    """Return some sessions of a query, of such as are neither revoked nor expired."""
    return draw(timezone.now(), at_most=SAMPLED).among(rows)


def _people_of(sample: Sample, rows: SessionQuerySet) -> tuple[float, dict[Any, int]]:
    """Return how many people have the sessions of a query, about, and how many some of them have.

    `sample` is a part of those sessions. Who has several is met so many times as often, and so
    counts for less (the estimator of Horvitz and Thompson). Two queries.
    """
    asked = sample.thinned(SESSIONS_ASKED)
    owners = asked.owners()
    theirs = rows.filter(user__in=set(owners.values())).order_by()
    counts: dict[Any, int] = dict(theirs.values_list("user").annotate(Count("pk")))
    weights = asked.weights
    people = sum(weights[id_] / counts.get(owner, 1) for id_, owner in owners.items())
    return people, counts


def _estimate(rows: SessionQuerySet, sample_size: int) -> Preview:
    found = _sample(rows)
    people, counts = _people_of(found, rows)
    kinds = {kind: round(number) for kind, number in found.kinds().items()}
    largest = dict(nlargest(sample_size, counts.items(), key=lambda item: item[1]))
    return Preview(round(found.total), round(people), kinds, _named(largest), is_estimate=True)


def _largest(rows: SessionQuerySet, size: int) -> dict[Any, int]:
    owned = rows.exclude(user=None).values_list("user").annotate(number=Count("pk"))
    return dict(owned.order_by("-number", "user")[:size])


def _named(counts: Mapping[Any, int]) -> list[tuple[Any, int]]:
    users = get_user_model()._base_manager.using(session_alias()).in_bulk(list(counts))
    return [(users[key], number) for key, number in counts.items() if key in users]
