"""Revoke half of all sessions through the admin's pages. Beside us stands what the command does.

The pages go on in steps of a second, each a request, so the longest request is told too.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from django.utils import timezone

from benchmarks.comparing import Comparison
from benchmarks.large.copies import fresh_copy, in_turns
from benchmarks.large.filling import Stretch, fill
from benchmarks.large.operator import Operator, admin_installed
from benchmarks.reporting import comparisons
from benchmarks.sides import WrongAnswer
from jwt_sessions import sessions
from jwt_sessions.models import BulkRevocation

if TYPE_CHECKING:
    from datetime import datetime

BESIDE: Final = "command"
BULK: Final = "/admin/jwt_sessions/bulkrevocation/"
SEAL: Final = re.compile(r'name="seal" value="([^"]+)"')
FOUND: Final = 302
# A page that no longer gets on must not go on for ever.
MOST_STEPS: Final = 100_000


class Requests(NamedTuple):
    """What was seen of the requests of one run."""

    number: int
    longest: float
    preview: float


def report(*, sessions: int, rounds: int, turns: int) -> str:
    """Fill, revoke by turns, and return the table and what the requests took."""
    half = sessions // 2
    now = timezone.now()
    # A form has no fractions of a second.
    begun_before = (now - timedelta(days=14)).replace(microsecond=0)
    with admin_installed(), fresh_copy("filled"):
        fill(
            Stretch(half, now - timedelta(days=29), begun_before),
            Stretch(sessions - half, begun_before + timedelta(hours=1), now),
        )
        operator, seen = Operator(), list[Requests]()
        acts = (
            partial(_by_command, begun_before, operator),
            partial(_by_pages, begun_before, operator, seen),
        )
        theirs, ours = in_turns(*acts, expected=half, turns=turns)
    name = f"revoke {half:,} of {sessions:,} by pages"
    return f"{comparisons(Comparison(name, BESIDE, 's', theirs, ours))}\n{_tell(seen)}"


def _by_command(begun_before: datetime, operator: Operator) -> int:
    criteria = sessions.Criteria(created_before=begun_before)
    record = sessions.revoke_in_batches(
        criteria.sessions(), reason="exercise", by=operator.user, criteria=criteria.to_json()
    )
    return record.done


def _by_pages(begun_before: datetime, operator: Operator, seen: list[Requests]) -> int:
    """Do what a person and the script of the page do; return how many the record says it was."""
    operator.seconds.clear()
    record = _confirm(begun_before, operator)
    preview = operator.seconds[0]
    operator.get(f"{BULK}{record.pk}/run/")
    _run(record, operator)
    times = operator.seconds
    seen.append(Requests(len(times), max(times), preview))
    record.refresh_from_db()
    return record.done


def _confirm(begun_before: datetime, operator: Operator) -> BulkRevocation:
    criteria = {
        "created_before_0": f"{begun_before:%Y-%m-%d}",
        "created_before_1": f"{begun_before:%H:%M:%S}",
    }
    page = operator.post(f"{BULK}new/preview/", criteria).content.decode()
    seal = SEAL.search(page)
    if seal is None:
        raise WrongAnswer("no preview")
    answers = {"seal": seal[1], "reason": "exercise", "is_sure": "on"}
    operator.post(f"{BULK}new/confirm/", {**criteria, **answers}, expected=FOUND)
    return BulkRevocation.objects.latest("pk")


def _run(record: BulkRevocation, operator: Operator) -> None:
    position = ""
    for _ in range(MOST_STEPS):
        response = operator.post(
            f"{BULK}{record.pk}/step/",
            {"position": position},
            headers={"accept": "application/json"},
        )
        facts = response.json()
        if facts["is_finished"]:
            return
        position = facts["position"]
    raise WrongAnswer(f"{facts['done']} sessions after {MOST_STEPS:,} steps")


def _tell(seen: list[Requests]) -> str:
    return (
        f"By pages these were {median(each.number for each in seen):.0f} requests; the longest of "
        f"all turns took {max(each.longest for each in seen):.2f} s (aim: 2.00), the longest "
        f"preview {max(each.preview for each in seen):.2f} s."
    )
