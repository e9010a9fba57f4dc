"""A bulk revocation beside a site that goes on running: nobody meets a deadlock, and P5 holds."""

from __future__ import annotations

from contextlib import suppress
from threading import Event

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection

from jwt_sessions import sessions
from jwt_sessions.models import BulkRevocation, RevokedReason, Session
from jwt_sessions.sessions import batching
from tests.people import Device, make_user

proves = pytest.mark.proves

pytestmark = [
    pytest.mark.races,
    pytest.mark.usefixtures("throttles_off"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("races"),
]
ROUNDS = 20


@pytest.fixture(autouse=True)
def clock():
    """The real one: who signs in later than a bulk revocation began is to be known."""


@pytest.fixture(autouse=True)
def no_gap(monkeypatch):
    monkeypatch.setattr(batching, "PAUSE", 0)


def revoke_all(by=None, *, batch_size=3, **given):
    return sessions.revoke_in_batches(
        Session.objects.all(), reason="credentials_leaked", by=by, batch_size=batch_size, **given
    )


def is_dead(device):
    return device.call_protected().status_code == device.refresh().status_code == 401


def assert_counted(*records):
    """Each record says how many it revoked, and no session is counted twice."""
    for record in records:
        assert record.done == Session.objects.filter(bulk_revocation=record).count()
        assert record.is_finished


@proves("P5", "V1", "P12")
def test_p5_beside_refreshes_and_sign_ins(alice, bob, threads):
    callers, chief = threads(4), make_user("chief")
    for _ in range(ROUNDS):
        before = [Device() for _ in range(6)]
        for device in before:
            device.sign_in(alice)
        meanwhile = Device()
        record, *answers = callers.at_once(
            lambda: revoke_all(by=chief),
            *[
                lambda device=device: [device.refresh().status_code for _ in range(3)]
                for device in before[:2]
            ],
            lambda: meanwhile.sign_in(bob).status_code,
        )
        assert {*answers[0], *answers[1]} <= {200, 401}
        assert answers[2] == 200
        assert all(is_dead(device) for device in before)
        # Whichever came first, the row decides and nothing else.
        assert is_dead(meanwhile) is meanwhile.session.is_revoked
        assert_counted(record)


@proves("P5", "V1", "P8")
@pytest.mark.parametrize("who", ["one of them", "whoever does it"])
def test_p5_beside_sign_outs_everywhere_and_deletions(alice, threads, who):
    callers = threads(3)
    for number in range(ROUNDS):
        chief, other, has_begun = make_user(f"chief{number}"), make_user(f"other{number}"), Event()
        gone = chief if who == "whoever does it" else other
        for user in [alice, other, chief] * 4:
            sessions.start(user)
        record, *_ = callers.at_once(
            lambda: revoke_all(by=chief, progress=lambda record: has_begun.set()),
            lambda: sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT_REMOTELY, by=alice),
            lambda: has_begun.wait(30) and delete(gone),
        )
        assert not Session.objects.live().exists()
        record.refresh_from_db()
        assert record.by == (None if gone is chief else chief)
        assert_counted(record)


@proves("P8")
def test_whoever_does_it_is_deleted_in_the_middle_of_a_large_batch(alice, threads):
    # The larger transaction wins a deadlock, so a small one tells of any.
    callers = threads(2)
    for number in range(ROUNDS):
        chief, has_begun = make_user(f"chief{number}"), Event()
        for _ in range(40):
            sessions.start(alice)
        record, _ = callers.at_once(
            lambda: revoke_all(by=chief, batch_size=20, progress=lambda record: has_begun.set()),
            lambda: has_begun.wait(30) and delete(chief),
        )
        record.refresh_from_db()
        assert (record.by, record.done) == (None, 40)


def delete(user):
    # SQLite cannot wait for its turn after a read, whoever deletes.
    for _ in range(100):
        with suppress(OperationalError):
            return get_user_model().objects.get(pk=user.pk).delete()
        assert connection.vendor == "sqlite"
    raise AssertionError("never its turn")


@proves("P5", "V1")
def test_p5_two_at_once_share_the_work(alice, threads):
    callers = threads(2)
    for _ in range(ROUNDS):
        for _ in range(20):
            sessions.start(alice)
        records = callers.at_once(revoke_all, revoke_all)
        assert sum(record.done for record in records) == 20
        assert_counted(*records)


@proves("P5", "V1")
def test_p5_one_record_resumed_by_two_at_once_counts_each_session_once(alice, threads):
    callers = threads(2)
    for _ in range(ROUNDS):
        for _ in range(20):
            sessions.start(alice)
        record = BulkRevocation.objects.create(
            by=alice, reason="credentials_leaked", criteria={"everyone": True}, total=20
        )

        def resume(number=record.pk):
            return sessions.resume_revocation(BulkRevocation.objects.get(pk=number), batch_size=3)

        callers.at_once(resume, resume)
        record.refresh_from_db()
        assert record.done == 20
        assert_counted(record)
