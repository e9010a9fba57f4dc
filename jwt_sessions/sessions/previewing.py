"""Whom a bulk revocation would concern, told before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Count

from jwt_sessions.sessions.announcing import session_alias
from jwt_sessions.sessions.bulk import concerned, narrowable

if TYPE_CHECKING:
    from jwt_sessions.models.session import SessionQuerySet

SAMPLE_SIZE: Final = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """How many sessions of how many people; `sample` has those who have most of them."""

    count: int
    people: int
    kinds: dict[str, int]
    sample: list[tuple[Any, int]]


def preview(queryset: SessionQuerySet, *, sample_size: int = SAMPLE_SIZE) -> Preview:
    """Return what ``revoke_in_batches`` would revoke if it started now. Four queries."""
    rows = concerned(narrowable(queryset)).order_by()
    kinds = dict(rows.values_list("kind").annotate(Count("pk")))
    people = rows.aggregate(people=Count("user", distinct=True))["people"]
    return Preview(sum(kinds.values()), people, kinds, _sample(rows, sample_size))


def _sample(rows: SessionQuerySet, size: int) -> list[tuple[Any, int]]:
    owned = rows.exclude(user=None).values_list("user").annotate(number=Count("pk"))
    counts = dict(owned.order_by("-number", "user")[:size])
    users = get_user_model()._base_manager.using(session_alias()).in_bulk(counts)
    return [(users[key], number) for key, number in counts.items() if key in users]
