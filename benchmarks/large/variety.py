"""Sessions that differ, as far as the admin's pages look at it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from benchmarks.large.filling import FIRST_USER, copy_row, tidy
from jwt_sessions.clients import address_key, device_key
from jwt_sessions.models import (
    BulkRevocation,
    RefreshToken,
    RevokedReason,
    SecurityEvent,
    SecurityEventKind,
    Session,
)

# The day after the oldest session began; the middle; and up to when alice signed in so often.
LONG_AGO: Final = timedelta(days=28)
HALFWAY: Final = timedelta(days=14)
ALICES: Final = timedelta(days=22)


def diversify() -> None:
    """Let sessions differ, and give each a security event."""
    by_user = Session.objects.filter(user_id__gte=FIRST_USER).alias(rest=F("user_id") % 4)
    by_user.filter(rest=0).update(**_address("10.1.2.3"), **_device("Backup script"))
    by_user.filter(rest=1).update(**_address("10.9.8.7"), revoked_at=F("created_at"))
    by_user.filter(revoked_at__isnull=False).update(revoked_reason=RevokedReason.SIGNED_OUT)
    began = Session.objects.filter(pk=OuterRef("pk")).values("created_at")
    unused = RefreshToken.objects.filter(pk__in=by_user.filter(rest=2).values("pk"))
    unused.update(last_seen_at=Subquery(began))
    _record_bulk_revocation()
    # A device that signs in again and again, in the oldest quarter of the time.
    alice = get_user_model().objects.get(username="alice")
    old = Session.objects.filter(created_at__lt=timezone.now() - ALICES)
    old.filter(user_id__gte=FIRST_USER).update(user=alice)
    _add_events()
    _make_rare([*old.order_by("id").values_list("pk", flat=True)[:3]])
    tidy()


def _record_bulk_revocation() -> None:
    """Let those that were revoked in a day of the middle be revoked at once."""
    start = timezone.now() - HALFWAY
    end = start + timedelta(days=1)
    revoked = Session.objects.filter(revoked_at__gte=start, revoked_at__lt=end)
    record = BulkRevocation.objects.create(
        reason="exercise", started_at=start, finished_at=end, done=revoked.count()
    )
    revoked.update(bulk_revocation=record, revoked_reason=RevokedReason.REVOKED_BY_STAFF)


def _add_events() -> None:
    """Record one for each session, as old as that."""
    template = SecurityEvent.objects.create(kind=SecurityEventKind.FACTOR_ADDED)
    table = connection.ops.quote_name(Session._meta.db_table)
    source = f"(SELECT * FROM {table} WHERE user_id IS NOT NULL ORDER BY id) AS s"  # noqa: S608
    kind = f"CASE WHEN s.user_id % 4 = 0 THEN '{SecurityEventKind.RECOVERY_CODE_USED}'"
    values = {
        "at": "s.created_at",
        "kind": f"{kind} ELSE template.kind END",
        "user": "s.user_id",
        "session": "s.id",
        "address": "s.address",
    }
    copy_row(template, source, values)
    SecurityEvent.objects.filter(pk=template.pk).delete()


def _make_rare(keys: list[object]) -> None:
    """Let these, the oldest, be unlike all others."""
    user = get_user_model().objects.create_user("only-few")
    Session.objects.filter(pk__in=keys).update(
        **_address("203.0.113.1"),
        **_device("Tablet"),
        user=user,
        revoked_at=timezone.now() - LONG_AGO,
        revoked_reason=RevokedReason.TOKEN_REUSED,
    )
    events = SecurityEvent.objects.filter(session__in=keys)
    events.update(user=user, kind=SecurityEventKind.FACTORS_RESET)


def _address(text: str) -> dict[str, str]:
    return {"address": text, "address_key": address_key(text)}


def _device(name: str) -> dict[str, str]:
    return {"device_name": name, "device_key": device_key(name)}
