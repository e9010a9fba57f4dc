"""What Django's admin remembers of bulk revocations: an entry on the record, and on each person."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.db.models import Count
from django.utils.translation import gettext, ngettext

from jwt_sessions.admin.bulk.words import count_sessions, grouped
from jwt_sessions.models import BulkRevocation, Session, session_alias
from jwt_sessions.signals import bulk_revocation_finished

if TYPE_CHECKING:
    from collections.abc import Mapping

# Beyond these, entries on people would take longer than a page may.
MOST_PEOPLE: Final = 1_000
MOST_SESSIONS: Final = 10_000


def connect() -> None:
    """Follow bulk revocations, whoever finishes them: a page or a command."""
    bulk_revocation_finished.connect(log_end, dispatch_uid="jwt_sessions.admin.log_end")


def log_end(*, record: BulkRevocation, **_: Any) -> None:
    """Write the entries, in the name of who confirmed it; none where nobody is known."""
    record = BulkRevocation.objects.get(pk=record.pk)
    if record.by_id is None:
        return
    people = _people_of(record)
    words = {"sessions": count_sessions(record.done)}
    if people is None:
        text = gettext(
            "Finished: %(sessions)s revoked. They are too many for an entry on each person."
        )
    else:
        text = gettext("Finished: %(sessions)s revoked.")
        _log_on_people(record, people, by=record.by_id)
    rows = BulkRevocation.objects.filter(pk=record.pk)
    LogEntry.objects.log_actions(record.by_id, rows, CHANGE, text % words)


def _people_of(record: BulkRevocation) -> Mapping[Any, int] | None:
    """Return how many sessions of whom were revoked, or None where that would be too many."""
    if record.done > MOST_SESSIONS:
        return None
    rows = Session.objects.filter(bulk_revocation=record).exclude(user=None).order_by()
    counts = dict(rows.values_list("user").annotate(Count("pk"))[: MOST_PEOPLE + 1])
    return counts if len(counts) <= MOST_PEOPLE else None


def _log_on_people(record: BulkRevocation, counts: Mapping[Any, int], *, by: Any) -> None:
    users = get_user_model()._base_manager.using(session_alias()).in_bulk(list(counts))
    alike = defaultdict(list)
    for key, user in users.items():
        alike[counts[key]].append(user)
    for number, group in alike.items():
        LogEntry.objects.log_actions(by, group, CHANGE, _tell(record, number))


def _tell(record: BulkRevocation, number: int) -> str:
    words = ngettext(
        "%(number)s session revoked in bulk revocation %(id)s: %(reason)s",
        "%(number)s sessions revoked in bulk revocation %(id)s: %(reason)s",
        number,
    )
    reason = record.get_reason_display()
    return words % {"number": grouped(number), "id": record.pk, "reason": reason}
