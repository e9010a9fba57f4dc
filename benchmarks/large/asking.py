"""Sessions that are asked for by chance, as people ask for theirs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from benchmarks.sides import OURS, Side
from jwt_sessions.models import Session
from jwt_sessions.tokens import mint_refresh_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.handlers.wsgi import WSGIHandler

    from benchmarks.sides import Exchange

# At most, of those that there are.
ASKED_FOR: Final = 2_000


def random_sessions(*, count: int = ASKED_FOR, **which: Any) -> list[Session]:
    """Return some of those that were filled in, in no order, with what tokens are made of."""
    by_chance = Session.objects.filter(user__username__startswith="user-", **which).order_by("?")
    chosen = list(by_chance.values_list("pk", flat=True)[:count])
    rows = Session.objects.select_related("user", "refresh_token").in_bulk(chosen)
    return [rows[pk] for pk in chosen]


def refreshes(application: WSGIHandler, sessions: list[Session]) -> Iterator[Exchange]:
    """Yield a refresh of each session, and so on with what that returned."""
    us = Side(OURS, application)
    tokens = deque(mint_refresh_token(session.refresh_token) for session in sessions)
    while True:
        token = tokens.popleft()
        exchange = us.post("token/refresh/", {"refresh": token})
        yield exchange
        # Who was not served keeps the old one.
        tokens.append(exchange.answer().get("refresh", token))
