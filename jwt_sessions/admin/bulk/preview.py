"""What an operator is shown before a bulk revocation, and that it is what they confirm."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core import signing

from jwt_sessions import sessions
from jwt_sessions.admin.bulk.criteria import is_superuser_known
from jwt_sessions.exceptions import TooSlow
from jwt_sessions.models import Session, session_alias
from jwt_sessions.sessions.bulk import concerned
from jwt_sessions.sessions.previewing import count_about
from jwt_sessions.sessions.time_limit import Deadline

if TYPE_CHECKING:
    from jwt_sessions.models.session import SessionQuerySet

# Seconds, so that the whole page takes two at most.
FOR_COUNTING: Final = 0.6
FOR_COUNTING_ALL: Final = 0.2
FOR_WARNINGS: Final = 0.2
SAMPLE_SIZE: Final = 10
# More superusers than that are as good as certainly among them.
SUPERUSERS_ASKED: Final = 1_000
SALT: Final = "jwt_sessions.admin.bulk.preview"
# Who comes back later looks again.
SEAL_MAX_AGE: Final = 60 * 60


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whom it would concern. `has_own`, `has_superusers`: whose sessions are among them."""

    preview: sessions.Preview
    has_own: bool
    has_superusers: bool
    is_great_part: bool

    @property
    def count(self) -> int:
        """How many sessions; an estimate is never below what is shown beside it."""
        return max(self.preview.count, sum(number for _, number in self.preview.sample))

    @property
    def people(self) -> int:
        """How many people, likewise."""
        return max(self.preview.people, len(self.preview.sample))

    @property
    def is_nobody(self) -> bool:
        """Whether there is nothing to revoke; an estimate is never sure of that."""
        return not self.count and not self.preview.is_estimate


def look_ahead(criteria: sessions.Criteria, *, operator: Any) -> Outlook:
    """Ask what would be revoked if it started now, within some two seconds."""
    found = sessions.preview(criteria.sessions(), sample_size=SAMPLE_SIZE, seconds=FOR_COUNTING)
    rows = concerned(criteria.sessions())
    return Outlook(
        preview=found,
        has_own=_has_any(rows, [operator.pk]),
        has_superusers=not criteria.except_superusers and _has_any(rows, _superusers()),
        is_great_part=_is_great_part(found),
    )


def _is_great_part(found: sessions.Preview) -> bool:
    everything, _ = count_about(concerned(Session.objects.all()), Deadline(FOR_COUNTING_ALL))
    return found.count * 2 > everything


def _superusers() -> list[Any]:
    if not is_superuser_known():
        return []
    users = get_user_model()._base_manager.using(session_alias()).filter(is_superuser=True)
    keys = users.order_by().values_list("pk", flat=True)
    try:
        return Deadline(FOR_WARNINGS).ask(lambda: list(keys[:SUPERUSERS_ASKED]))
    except TooSlow:
        return []


def _has_any(rows: SessionQuerySet, people: list[Any]) -> bool:
    theirs = rows.filter(user__in=people).order_by()
    try:
        return bool(people) and Deadline(FOR_WARNINGS).ask(theirs.exists)
    except TooSlow:
        return True


def seal(criteria: sessions.Criteria, *, operator: Any, is_great_part: bool) -> str:
    """Return a text that proves what `operator` was shown."""
    return signing.dumps([_digest(criteria, operator), is_great_part], salt=SALT)


def read_seal(text: str, criteria: sessions.Criteria, *, operator: Any) -> bool | None:
    """Return whether `operator` was shown that it is a great part; None: they saw nothing."""
    try:
        digest, is_great_part = signing.loads(text, salt=SALT, max_age=SEAL_MAX_AGE)
    except signing.BadSignature:
        return None
    return bool(is_great_part) if digest == _digest(criteria, operator) else None


def _digest(criteria: sessions.Criteria, operator: Any) -> str:
    facts = json.dumps([criteria.to_json(), str(operator.pk)], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()
