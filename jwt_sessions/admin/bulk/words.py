"""Bulk revocations in words: counts, times, and which sessions one was about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext, pgettext

from jwt_sessions.exceptions import BadCriteria
from jwt_sessions.models import SessionKind, session_alias
from jwt_sessions.sessions import Criteria
from jwt_sessions.sessions.criteria import group_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from jwt_sessions.models import BulkRevocation

# How many people or groups are called by their names.
NAMED: Final = 20
MINUTE: Final = 60


def grouped(number: int) -> str:
    """Write a number as people read it: 20,000."""
    return number_format(number, force_grouping=True)


def count_sessions(number: int) -> str:
    """Write "1,200 sessions"."""
    words = ngettext("%(number)s session", "%(number)s sessions", number)
    return words % {"number": grouped(number)}


def count_people(number: int) -> str:
    """Write "1,200 people"."""
    words = ngettext("%(number)s person", "%(number)s people", number)
    return words % {"number": grouped(number)}


def about(words: str, *, is_estimate: bool) -> str:
    """Write "about 1,200 sessions" where that is an estimate."""
    if not is_estimate:
        return words
    return pgettext("an estimated number", "about %(words)s") % {"words": words}


def tell_progress(record: BulkRevocation) -> str:
    """Write "1,200 of about 20,000 sessions revoked"."""
    if record.is_finished:
        return gettext("%(sessions)s revoked") % {"sessions": count_sessions(record.done)}
    total = about(count_sessions(record.total), is_estimate=record.total_is_estimate)
    return gettext("%(done)s of %(total)s revoked") % {"done": grouped(record.done), "total": total}


def tell_shortly(record: BulkRevocation) -> str:
    """Write "1,200 of about 20,000", or how many it were in the end."""
    if record.is_finished:
        return grouped(record.done)
    total = about(grouped(record.total), is_estimate=record.total_is_estimate)
    return gettext("%(done)s of %(total)s") % {"done": grouped(record.done), "total": total}


def percent_of(record: BulkRevocation) -> int:
    """Return how much of it is done; only what is finished is at 100."""
    if record.is_finished:
        return 100
    return min(99, 100 * record.done // record.total) if record.total else 0


def tell_duration(duration: timedelta) -> str:
    """Write hours, minutes and seconds: 0:01:30."""
    minutes, seconds = divmod(max(int(duration.total_seconds()), 0), MINUTE)
    return f"{minutes // MINUTE}:{minutes % MINUTE:02}:{seconds:02}"


def read_criteria(record: BulkRevocation) -> Criteria | None:
    """Return the criteria of a record, or None where a program has put in words of its own."""
    try:
        return Criteria.from_json(record.criteria)
    except (BadCriteria, ValueError, OverflowError):
        return None


def tell_criteria_of(record: BulkRevocation) -> list[str]:
    """Write which sessions a record is about, a sentence for each condition."""
    criteria = read_criteria(record)
    if criteria is None:
        text = json.dumps(record.criteria, ensure_ascii=False)
        # JSON may hold half a character, which no page can.
        return [text.encode(errors="replace").decode()]
    return tell_criteria(criteria)


def tell_criteria(criteria: Criteria) -> list[str]:
    """Write which sessions are meant, a sentence for each condition; one query for each model."""
    given = {name: getattr(criteria, name) for name in WORDS}
    return [WORDS[name](value) for name, value in given.items() if value not in (None, False)]


def _names(keys: Sequence[Any], model: Any, alias: str | None) -> str:
    found = model._base_manager.using(alias).in_bulk(list(keys[:NAMED]))
    names = [str(found[key]) for key in keys[:NAMED] if key in found]
    if missing := len(keys[:NAMED]) - len(names):
        words = ngettext("%(number)s who is gone", "%(number)s who are gone", missing)
        names.append(words % {"number": grouped(missing)})
    if more := len(keys) - len(keys[:NAMED]):
        names.append(
            ngettext("%(number)s more", "%(number)s more", more) % {"number": grouped(more)}
        )
    return ", ".join(names) or pgettext("no people", "nobody")


def _people(keys: Sequence[Any]) -> str:
    return _names(keys, get_user_model(), session_alias())


def _groups(keys: Sequence[Any]) -> str:
    return _names(keys, group_model(), None)


def _moment(moment: datetime) -> str:
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    return date_format(local, "DATETIME_FORMAT")


def _ticked(ids: Sequence[Any]) -> str:
    words = ngettext(
        "%(number)s session that was ticked", "%(number)s sessions that were ticked", len(ids)
    )
    return words % {"number": grouped(len(ids))}


WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "everyone": lambda _: gettext("All sessions"),
    "session_ids": _ticked,
    "users": lambda keys: gettext("Of these people: %(names)s") % {"names": _people(keys)},
    "groups": lambda keys: gettext("Of members of: %(names)s") % {"names": _groups(keys)},
    "staff": lambda _: gettext("Of staff"),
    "created_after": lambda moment: (
        gettext("Signed in at or after %(moment)s") % {"moment": _moment(moment)}
    ),
    "created_before": lambda moment: (
        gettext("Signed in before %(moment)s") % {"moment": _moment(moment)}
    ),
    "active_since": lambda moment: (
        gettext("Last seen at or after %(moment)s") % {"moment": _moment(moment)}
    ),
    "inactive_since": lambda moment: (
        gettext("Last seen before %(moment)s") % {"moment": _moment(moment)}
    ),
    "network": lambda text: gettext("Signed in from %(network)s") % {"network": text},
    "device": lambda text: gettext("Device has the text “%(text)s”") % {"text": text},
    "kind": lambda kind: gettext("Kind: %(kind)s") % {"kind": SessionKind(kind).label},
    "without_second_factor": lambda _: gettext("Signed in without a second factor"),
    "except_users": lambda keys: gettext("Except those of: %(names)s") % {"names": _people(keys)},
    "except_superusers": lambda _: gettext("Except those of superusers"),
}
