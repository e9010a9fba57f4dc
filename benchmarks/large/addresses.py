"""Which pages of the admin are asked for, and what Django's stock list would be asked instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from django.utils import timezone

from benchmarks.large.filling import FIRST_USER
from benchmarks.large.variety import HALFWAY, LONG_AGO
from jwt_sessions.models import BulkRevocation, SecurityEvent, Session

LIST: Final = "/admin/jwt_sessions/session/"
REVOKED: Final = "/admin/jwt_sessions/revokedsession/"
EVENTS: Final = "/admin/jwt_sessions/securityevent/"
PREVIEW: Final = "/admin/jwt_sessions/bulkrevocation/new/preview/"
STOCK: Final = "/stock/jwt_sessions/session/"
STOCK_EVENTS: Final = "/stock/jwt_sessions/securityevent/"

# Milliseconds.
AIM: Final = 100
AIM_OF_PREVIEW: Final = 2_000
# Rows of a stock page.
PAGE: Final = 100


class Page(NamedTuple):
    """An address, what is sent there, and the address of the stock list that is like it."""

    address: str
    stock: str = ""
    sent: dict[str, str] | None = None
    aim: int = AIM
    # How many rows it has to show, where that depends on no size.
    rows: int | None = None


def pages() -> dict[str, Page]:
    """Return the pages in the order of the table, by what they show."""
    return {**_plain(), **_filtered(), **_searched(), **_revoked(), **_events(), **_previews()}


def _plain() -> dict[str, Page]:
    middle = _middle()
    far = timezone.now() - LONG_AGO
    day, next_day = f"{far:%Y-%m-%d}", f"{far + timedelta(days=1):%Y-%m-%d}"
    number = Session.objects.filter(pk__gte=middle.pk).count() // PAGE + 1
    return {
        "newest": Page(LIST, STOCK),
        "from the middle on": Page(f"{LIST}?before={middle.pk}", f"{STOCK}?p={number}"),
        "back from the middle": Page(f"{LIST}?after={middle.pk}"),
        "a far day": Page(f"{LIST}?to={day}", f"{STOCK}?created_at__lt={next_day}T00:00Z"),
        "one session": Page(f"{LIST}{middle.pk}/change/"),
        "overview": Page(f"{LIST}overview/"),
    }


def _filtered() -> dict[str, Page]:
    return {
        "filter that many meet": Page(f"{LIST}?state=live"),
        "filter that few meet": Page(
            f"{LIST}?why=token_reused", f"{STOCK}?revoked_reason__exact=token_reused"
        ),
        "three filters, none met": Page(f"{LIST}?state=expired&second_factor=yes&kind=browser"),
        "of one user, by link": Page(f"{LIST}?user={FIRST_USER + 7}"),
    }


def _searched() -> dict[str, Page]:
    return {
        "user of three": Page(f"{LIST}?q=only-few", f"{STOCK}?q=only-few", rows=3),
        "user of a quarter": Page(f"{LIST}?q=alice", f"{STOCK}?q=alice"),
        "user of a quarter, filtered": Page(f"{LIST}?q=alice&why=token_reused"),
        "network of half": Page(f"{LIST}?q=10.0.0.0/8"),
        "network of three": Page(f"{LIST}?q=203.0.113.", f"{STOCK}?q=203.0.113.", rows=3),
        "network of half, filtered": Page(f"{LIST}?q=10.&why=token_reused"),
        "device of a quarter": Page(f"{LIST}?q=backup", f"{STOCK}?q=backup"),
        "device of three": Page(f"{LIST}?q=tablet", f"{STOCK}?q=tablet", rows=3),
    }


def _revoked() -> dict[str, Page]:
    record = BulkRevocation.objects.earliest("pk")
    return {
        "revoked": Page(REVOKED),
        "revoked, filtered": Page(f"{REVOKED}?why=token_reused"),
        "revoked, user of a quarter": Page(f"{REVOKED}?q=alice"),
        "revoked, in bulk": Page(f"{REVOKED}?bulk_revocation={record.pk}"),
    }


def _events() -> dict[str, Page]:
    key = SecurityEvent.objects.filter(session=_middle()).earliest("pk").pk
    number = SecurityEvent.objects.filter(pk__gte=key).count() // PAGE + 1
    return {
        "events": Page(EVENTS, STOCK_EVENTS),
        "events from the middle on": Page(f"{EVENTS}?before={key}", f"{STOCK_EVENTS}?p={number}"),
        "events of a kind, few": Page(
            f"{EVENTS}?kind=factors_reset", f"{STOCK_EVENTS}?kind__exact=factors_reset"
        ),
        "events, user of three": Page(f"{EVENTS}?q=only-few", f"{STOCK_EVENTS}?q=only-few", rows=3),
        "events, user of a quarter": Page(f"{EVENTS}?q=alice", f"{STOCK_EVENTS}?q=alice"),
    }


def _previews() -> dict[str, Page]:
    # Last seen is in no index, so the first of these has to look at all that there are.
    day = f"{timezone.now() - HALFWAY:%Y-%m-%d}"
    return {
        "preview, last seen before": _preview(inactive_since_0=day),
        "preview, signed in before": _preview(created_before_0=day),
        "preview, one user": _preview(names="user-7"),
        "preview, network of a quarter": _preview(network="10.1.0.0/16"),
    }


def _preview(**sent: str) -> Page:
    return Page(PREVIEW, sent=sent, aim=AIM_OF_PREVIEW)


def _middle() -> Session:
    return Session.objects.filter(created_at__gt=timezone.now() - HALFWAY).earliest("pk")
