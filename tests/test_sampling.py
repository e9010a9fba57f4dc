"""A sample of sessions that stands for all of them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from jwt_sessions.models import Session
from jwt_sessions.models.identifiers import least_uuid7, made_at, uuid7
from jwt_sessions.sessions import sampling
from jwt_sessions.sessions.sampling import draw
from tests.old_sessions import statements

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let some hundreds of sessions be too many to read."""
    monkeypatch.setattr(sampling, "STRETCHES", 16)
    monkeypatch.setattr(sampling, "READ", 5)
    monkeypatch.setattr(sampling, "READ_AT_MOST", 160)


def make(user, moments, **fields):
    """Make a session that began at each moment."""
    now = timezone.now()
    made = [
        Session(
            id=UUID(int=least_uuid7(moment).int | secrets.randbits(62)),
            user=user,
            auth_time=now,
            created_at=moment,
            expires_at=now + DAY,
            **fields,
        )
        for moment in moments
    ]
    Session.objects.bulk_create(made, batch_size=500)


def evenly(number, *, start=NOON, length=10 * DAY):
    return [start + length * each / number for each in range(number)]


def test_an_id_tells_when_it_was_made():
    before = datetime.now(UTC)
    id_ = uuid7()
    assert timedelta(0) <= made_at(id_) - before + timedelta(milliseconds=1) < timedelta(seconds=5)
    assert least_uuid7(before) <= id_ < least_uuid7(before + timedelta(minutes=1))


def test_nothing_is_a_sample_of_nothing(db):
    assert draw().weights == {}
    assert draw().is_complete


@pytest.mark.parametrize("number", [1, 4, 60])
def test_few_sessions_are_all_of_the_sample(alice, number):
    make(alice, evenly(number))
    sample = draw()
    assert sample.is_complete
    assert (len(sample.weights), sample.total) == (number, number)


def test_many_sessions_are_estimated_from_some(alice):
    make(alice, evenly(3_000))
    sample = draw()
    assert len(sample.weights) <= 160
    assert not sample.is_complete
    assert sample.total == pytest.approx(3_000, rel=0.2)


@pytest.mark.parametrize("crowd", [timedelta(minutes=10), timedelta(seconds=1)])
def test_a_crowd_among_few_is_not_taken_for_the_whole_time(alice, crowd):
    make(alice, evenly(50))
    make(alice, evenly(2_000, start=NOON + 3 * DAY, length=crowd))
    assert draw().total == pytest.approx(2_050, rel=0.3)


def test_a_part_is_estimated_by_its_share(alice, bob):
    make(alice, evenly(1_000))
    make(bob, evenly(3_000))
    assert draw().estimate(Session.objects.filter(user=alice)) == pytest.approx(1_000, rel=0.4)
    assert draw().estimate(Session.objects.filter(user=None)) == 0


def test_a_time_is_sampled_alone(alice):
    make(alice, evenly(10, length=DAY))
    make(alice, evenly(20, start=NOON + 5 * DAY, length=DAY))
    assert draw(until=NOON + DAY).total == 10
    assert draw(since=NOON + DAY).total == 20
    assert draw(since=NOON + 2 * DAY, until=NOON + 3 * DAY).total == 0


def test_it_takes_few_statements_that_read_few_rows(alice):
    make(alice, evenly(3_000))
    with statements() as sent:
        draw()
    assert len(sent) <= sampling.ROUNDS + 3
    assert all(f"LIMIT {sampling.READ}" in sql or "LIMIT 1" in sql for sql, _ in sent)
