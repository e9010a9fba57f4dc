"""The sessions that a bulk revocation has revoked, as CSV."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from jwt_sessions.models import BulkRevocation, Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from django.http import HttpRequest

    from jwt_sessions.admin.bulk.records import BulkRevocationAdmin

# Rows in one query.
CHUNK: Final = 2_000
# What makes a spreadsheet take a cell for a formula (ASVS 1.2.10); the last ones are wide forms.
FORMULAS: Final = (*"=+-@\t\r\n\0", *"\uff1d\uff0b\uff0d\uff20")
COLUMNS: Final = (
    *("session id", "user id", "user name", "kind", "device name", "browser", "platform"),
    *("user agent", "address", "signed in at", "last seen at", "ends at", "revoked at"),
)


def download(
    request: HttpRequest, model_admin: BulkRevocationAdmin, pk: int
) -> StreamingHttpResponse:
    """Answer with the sessions of a record, a row for each, and put the download on record."""
    if not model_admin.may_download(request):
        raise PermissionDenied
    record = BulkRevocation.objects.filter(pk=pk).first()
    if record is None:
        raise Http404
    model_admin.log_change(request, record, gettext("Downloaded the list of sessions."))
    name = f"bulk-revocation-{record.pk}-{record.started_at:%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        write_csv(rows_of(record)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def write_csv(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Write rows, one after the other. No cell of theirs is a formula."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow([make_harmless(cell) for cell in row])


def make_harmless(cell: Any) -> str:
    """Return a cell as text; what a spreadsheet would take for a formula gets a quote."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULAS) else text


def rows_of(record: BulkRevocation) -> Iterator[tuple[Any, ...]]:
    """Return a row for each session that it revoked, in order, some read at a time."""
    rows = Session.objects.filter(bulk_revocation=record).order_by("pk")
    rows = rows.select_related("user", "refresh_token")
    chunk = list(rows[:CHUNK])
    while chunk:
        yield from map(_row, chunk)
        chunk = list(rows.filter(pk__gt=chunk[-1].pk)[:CHUNK])


def _row(session: Session) -> tuple[Any, ...]:
    return (
        session.pk,
        session.user_id,
        session.user.get_username() if session.user else None,
        session.kind,
        session.device_name,
        session.browser,
        session.platform,
        session.user_agent,
        session.address,
        _moment(session.created_at),
        _moment(session.refresh_token.last_seen_at),
        _moment(session.expires_at),
        _moment(session.revoked_at),
    )


def _moment(moment: datetime | None) -> str:
    if moment is None:
        return ""
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    return local.isoformat(sep=" ", timespec="seconds")


class _Echo:
    """What ``csv`` takes for a file: it hands back each line."""

    def write(self, line: str) -> str:
        return line
