"""No statement of a page of the admin's lists reads more rows than are looked through for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from jwt_sessions.admin.lists import finding, keyset
from jwt_sessions.clients import address_key, device_key
from jwt_sessions.models import RefreshToken, RevokedReason, SecurityEvent, Session
from jwt_sessions.models.identifiers import uuid7
from tests.old_sessions import analyze
from tests.operators import staff
from tests.reading import reading
from tests.test_admin import page

WINDOW = 100
MANY = 3_000

SESSIONS = "session_changelist"
REVOKED = "revokedsession_changelist"
EVENTS = "securityevent_changelist"

PAGES = [
    (SESSIONS, {}),
    (SESSIONS, {"before": "middle"}),
    (SESSIONS, {"after": "middle"}),
    (SESSIONS, {"before": "middle", "state": "live"}),
    (SESSIONS, {"to": "2026-10-01"}),
    (SESSIONS, {"state": "live"}),
    (SESSIONS, {"state": "expired"}),
    (SESSIONS, {"state": "revoked"}),
    (SESSIONS, {"why": "token_reused"}),
    (SESSIONS, {"after": "middle", "why": "token_reused"}),
    (SESSIONS, {"second_factor": "yes", "kind": "browser"}),
    (SESSIONS, {"q": "busy"}),
    (SESSIONS, {"q": "busy", "why": "token_reused"}),
    (SESSIONS, {"q": "few"}),
    (SESSIONS, {"q": "10."}),
    (SESSIONS, {"q": "10.", "state": "expired"}),
    (SESSIONS, {"q": "192.0.2.0/24", "state": "live"}),
    (SESSIONS, {"q": "backup"}),
    (SESSIONS, {"q": "tab"}),
    (SESSIONS, {"q": "nothing of the kind"}),
    (SESSIONS, {"user": "busy", "q": "10."}),
    (REVOKED, {}),
    (REVOKED, {"why": "token_reused"}),
    (REVOKED, {"q": "busy"}),
    (REVOKED, {"to": "2026-10-02"}),
    (REVOKED, {"bulk_revocation": "1"}),
    (EVENTS, {}),
    (EVENTS, {"kind": "factor_added"}),
    (EVENTS, {"kind": "factors_reset"}),
    (EVENTS, {"q": "busy"}),
    (EVENTS, {"q": "few", "kind": "factor_added"}),
]


def make_many(user, number, *, apart=timedelta(minutes=1), clock=None, **fields):
    """Make sessions one after the other; return their ids, the newest first."""
    made, tokens = [], []
    if "address" in fields:
        fields["address_key"] = address_key(fields["address"])
    if "device_name" in fields:
        fields["device_key"] = device_key(fields["device_name"])
    for _ in range(number):
        if clock is not None:
            clock.shift(apart)
        now = timezone.now()
        own = {name: value(now) if callable(value) else value for name, value in fields.items()}
        times = {"auth_time": now, "created_at": now, "expires_at": now + timedelta(days=20)}
        made.append(Session(id=uuid7(), user=user, **{**times, **own}))
        tokens.append(
            RefreshToken(
                session=made[-1], last_seen_at=now, idle_expires_at=now + timedelta(days=15)
            )
        )
    Session.objects.bulk_create(made, batch_size=500)
    RefreshToken.objects.bulk_create(tokens, batch_size=500)
    # Some are made within one microsecond by a clock that stands still.
    return sorted((session.pk for session in made), reverse=True)


@pytest.fixture
def root(db):
    """A superuser."""
    return staff("root", is_superuser=True)


@pytest.fixture
def filled(root, alice, bob, clock, monkeypatch):
    """Thousands of sessions: most of one person, revoked, and from one network; few of another."""
    clock.move_to(timezone.now() - timedelta(days=60))
    how = {"clock": clock, "apart": timedelta(minutes=20)}
    ended = {"revoked_at": lambda now: now, "revoked_reason": RevokedReason.SIGNED_OUT}
    few = make_many(bob, 3, address="192.0.2.1", device_name="Tablet", **how)
    ids = make_many(alice, MANY // 2, address="10.1.2.3", device_name="Backup", **ended, **how)
    make_many(alice, MANY // 2, address="10.1.2.4", device_name="Backup", **how)
    Session.objects.filter(pk=few[0]).revoke(reason=RevokedReason.TOKEN_REUSED)
    moments = [timezone.now() - timedelta(minutes=each) for each in range(MANY // 2)]
    SecurityEvent.objects.bulk_create(
        [SecurityEvent(user=alice, kind="factor_added", at=moment) for moment in moments]
        + [SecurityEvent(user=bob, kind="factors_reset", at=moments[-1])]
    )
    if connection.vendor == "postgresql":
        # MariaDB would commit before it does.
        analyze()
    plan_as_if_large()
    monkeypatch.setattr(keyset, "WINDOW", WINDOW)
    monkeypatch.setattr(keyset, "COUNTED", WINDOW)
    monkeypatch.setattr(finding, "MOST", WINDOW)
    return {"busy": alice, "few": bob, "middle": ids[MANY // 4]}


def plan_as_if_large():
    """Keep PostgreSQL from reading all of a table because it is small."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for way in ("seqscan", "hashjoin", "mergejoin"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            # Let rows be what costs, as where there are millions.
            cursor.execute("SET LOCAL cpu_tuple_cost = 1")
            cursor.execute("SET LOCAL cpu_index_tuple_cost = 1")
            cursor.execute("SET LOCAL random_page_cost = 1")


def spelled(params, filled):
    """Put names and keys in the place of words."""
    for name, value in params.items():
        what = filled.get(value, value)
        if name == "user":
            what = what.pk
        yield name, what.get_username() if name == "q" and value in filled else what


def test_no_statement_of_a_page_reads_more_than_is_looked_through(root, filled):
    worst = {}
    for name, params in PAGES:
        with reading() as measured:
            response = root.get(page(name), dict(spelled(params, filled)))
        assert response.status_code == 200
        rows, sql = max(measured.seen, key=lambda each: each[0])
        if rows > 2 * WINDOW + 51 * 5:
            worst[f"{name} {params}"] = rows, sql
    assert not worst, "\n\n".join(f"{k} {v}" for k, v in worst.items())
