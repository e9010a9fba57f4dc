"""How many sessions are live, and of how many people: counted, or told by a sample."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    OuterRef,
    Subquery,
    UUIDField,
    Value,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from jwt_sessions.models import Among, Session
from jwt_sessions.sessions.criteria import CONDITIONS
from jwt_sessions.sessions.figures.numbers import Number
from jwt_sessions.sessions.sampling import Sample, draw
from jwt_sessions.sessions.stretches import (
    UNREVOKED_ENDS,
    count_each,
    first_of_each,
    reader,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# So many are counted, and of a sample so many looked at.
CAP: Final = 2_000
LOOKED_AT: Final = 800
# Whose sessions are looked at, and how many of each person: first of many people a few, then of
# some of those who have that many.
LOOKS: Final = ((80, 30), (15, 400))
NO_ID: Final = Value(UUID(int=0), UUIDField())


@dataclass(frozen=True, slots=True)
class Live:
    """The sessions that can be used now, whose they are, and in how many two factors are proven."""

    sessions: Number
    people: Number
    with_second_factor: Number

    @property
    def share(self) -> float:
        """Return the part that has a second factor, from 0 to 1."""
        return self.with_second_factor.value / (self.sessions.value or 1)


def count_live(now: datetime) -> Live:
    """Return what is live, estimated where more than CAP sessions are unrevoked and unexpired."""
    until = datetime(9999, 1, 1, tzinfo=UTC if timezone.is_aware(now) else None)
    (counts,) = count_each(UNREVOKED_ENDS, [(now, until)], limit=CAP + 1)
    if sum(count for count, _ in counts) > CAP:
        return _estimate(draw(now).thinned(LOOKED_AT), now)
    (found,) = first_of_each(UNREVOKED_ENDS, [(now, until)], limit=CAP + 1, columns=["id"])
    read = reader(UNREVOKED_ENDS, "id")
    ids = [read(id_) for (id_,) in found]
    rows = _live_among(ids, now) if ids else []
    return Live(
        sessions=Number(len(rows)),
        people=Number(len({user for _, user, _ in rows if user is not None})),
        with_second_factor=Number(sum(has_factor for *_, has_factor in rows)),
    )


def _live_among(ids: Sequence[UUID], now: datetime) -> list[tuple[UUID, Any, bool]]:
    """Return which of these sessions are live: id, user, and whether a second factor was proven."""
    proven = ExpressionWrapper(~CONDITIONS["without_second_factor"](True), BooleanField())
    rows = Session.objects.live(now).filter(Among("pk", ids)).order_by()
    return list(rows.annotate(has_factor=proven).values_list("pk", "user", "has_factor"))


def _estimate(sample: Sample, now: datetime) -> Live:
    weights = sample.weights
    rows = _live_among(list(weights), now)
    owners = {id_: user for id_, user, _ in rows if user is not None}
    # In the order of the sample, which a thinner one is chosen from evenly.
    owned = {id_: weight for id_, weight in weights.items() if id_ in owners}
    counts = (
        sum(weights[id_] for id_, *_ in rows),
        _people(owned, owners, now),
        sum(weights[id_] for id_, _, proven in rows if proven),
    )
    return Live(*map(Number.about, counts))


def _people(weights: Mapping[UUID, float], owners: Mapping[UUID, Any], now: datetime) -> float:
    """Return of how many people these sessions are: each is a part of one person.

    One of four sessions is a quarter of a person (Horvitz and Thompson's estimator). Of somebody
    with more sessions than are looked at, the sample tells how many.
    """
    of_owner: dict[Any, float] = {}
    for id_, weight in weights.items():
        of_owner[owners[id_]] = of_owner.get(owners[id_], 0.0) + weight
    people, rest = 0.0, dict(weights)
    least: dict[UUID, int] = {}
    for number, limit in LOOKS:
        if not rest:
            break
        chosen = Sample(rest).thinned(number).weights
        counts = _count_of_owners(list(chosen), limit, now)
        people += sum(chosen[id_] / count for id_, (count, is_all) in counts.items() if is_all)
        least = {id_: count for id_, (count, is_all) in counts.items() if not is_all}
        rest = {id_: chosen[id_] for id_ in least}
    return people + sum(
        weight / max(least[id_], of_owner[owners[id_]]) for id_, weight in rest.items()
    )


def _count_of_owners(
    ids: Sequence[UUID], limit: int, now: datetime
) -> dict[UUID, tuple[int, bool]]:
    """Return how many of the owner's newest sessions are live, for each of these sessions.

    It is one at least, and it is said whether the owner has no others than those looked at.
    """
    # Not of the row in between, so that it is asked once for each owner, before any is read.
    of_owner = Session.objects.filter(user=OuterRef(OuterRef("user"))).order_by("-pk")
    beyond = Coalesce(Subquery(of_owner.values("pk")[limit : limit + 1]), NO_ID)
    newest = Session.objects.filter(user=OuterRef("user"), pk__gt=beyond).live(now)
    live = newest.order_by().values("user").annotate(n=Count("pk")).values("n")
    others = Session.objects.filter(user=OuterRef("user")).order_by("-pk").values("pk")[limit:]
    asked = Session.objects.filter(Among("pk", ids)).order_by()
    rows = asked.annotate(n=Coalesce(Subquery(live), 0), other=Subquery(others[:1]))
    return {
        id_: (max(n, 1), other is None) for id_, n, other in rows.values_list("pk", "n", "other")
    }
