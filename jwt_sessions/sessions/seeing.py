from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from jwt_sessions import clients
from jwt_sessions.models import RefreshToken
from jwt_sessions.sessions.pairs import idle_end

if TYPE_CHECKING:
    from django.http import HttpRequest

# How long a page that is opened leaves the time of the last one alone.
SEEN_FOR: Final = timedelta(minutes=5)


def see(row: RefreshToken, *, idle: timedelta, request: HttpRequest) -> bool:
    """Note that a page was opened in a browser session; return whether anything was written.

    `row` is its refresh token, as it was read with this request. Of requests at once one writes,
    and that every five minutes at most. `idle` is how long ``request.session`` may lie unused.
    """
    now = timezone.now()
    if now - row.last_seen_at < SEEN_FOR:
        return False
    as_read = RefreshToken.objects.unchanged(row).filter(last_seen_at=row.last_seen_at)
    return bool(
        as_read.update(
            last_seen_at=now,
            idle_expires_at=idle_end(row.session, now, idle),
            address=clients.address_of(request) or row.address,
        )
    )
