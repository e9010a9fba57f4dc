"""A sample of sessions, which stands for all that may be live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from jwt_sessions.models import Session
from jwt_sessions.models.identifiers import least_uuid7, made_at, uuid7
from jwt_sessions.sessions import sampling
from jwt_sessions.sessions.sampling import draw
from tests.old_sessions import statements

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let some hundreds of sessions be too many to read."""
    monkeypatch.setattr(sampling, "STRETCHES", 16)
    monkeypatch.setattr(sampling, "READ", 5)
    monkeypatch.setattr(sampling, "READ_AT_MOST", 160)
    monkeypatch.setattr(sampling, "WORTH_A_QUERY", 1)


def make(user, ends, **fields):
    """Make a session for each moment that one ends at."""
    now = timezone.now()
    made = [
        Session(user=user, auth_time=now, created_at=now, expires_at=end, **fields) for end in ends
    ]
    Session.objects.bulk_create(made, batch_size=500)


def evenly(number, *, start=DAY, length=10 * DAY):
    return [timezone.now() + start + length * each / number for each in range(number)]


def sample():
    return draw(timezone.now(), at_most=sampling.READ_AT_MOST)


def test_an_id_tells_when_it_was_made():
    before = datetime.now(UTC)
    id_ = uuid7()
    assert timedelta(0) <= made_at(id_) - before + timedelta(milliseconds=1) < timedelta(seconds=5)
    assert least_uuid7(before) <= id_ < least_uuid7(before + timedelta(minutes=1))


def test_nothing_is_a_sample_of_nothing(db):
    assert sample().weights == {}


@pytest.mark.parametrize("number", [1, 4, 60])
def test_few_sessions_are_all_of_the_sample(alice, number):
    make(alice, evenly(number))
    assert list(sample().weights.values()) == [1.0] * number


def test_many_sessions_are_estimated_from_some(alice):
    make(alice, evenly(3_000))
    assert len(sample().weights) <= 160
    assert sample().total == pytest.approx(3_000, rel=0.2)


@pytest.mark.parametrize("crowd", [timedelta(minutes=10), timedelta(seconds=1)])
def test_a_crowd_among_few_is_not_taken_for_the_whole_time(alice, crowd):
    make(alice, evenly(50))
    make(alice, evenly(2_000, start=3 * DAY, length=crowd))
    assert sample().total == pytest.approx(2_050, rel=0.3)


def test_those_that_end_at_one_moment_are_counted(alice):
    make(alice, [timezone.now() + DAY] * 1_000)
    assert sample().total == 1_000


def test_one_that_ends_years_later_does_not_matter(alice):
    make(alice, [*evenly(1_000), timezone.now() + timedelta(days=10_000)])
    assert sample().total == pytest.approx(1_000, rel=0.3)


def test_a_part_is_estimated_by_its_share(alice, bob):
    make(alice, evenly(1_000))
    make(bob, evenly(3_000))
    hers = sample().among(Session.objects.filter(user=alice))
    assert hers.total == pytest.approx(1_000, rel=0.4)
    assert sample().among(Session.objects.filter(user=None)).weights == {}


def test_what_is_revoked_or_expired_is_left_out(alice):
    make(alice, evenly(10, start=-20 * DAY))
    make(alice, evenly(20), revoked_at=timezone.now())
    assert sample().weights == {}


def test_a_thinned_sample_stands_for_as_many(alice):
    make(alice, evenly(3_000))
    thinned = sample().thinned(20)
    assert len(thinned.weights) <= 20
    assert thinned.total == pytest.approx(sample().total)


def test_it_takes_few_statements_that_read_few_rows(alice):
    make(alice, evenly(3_000))
    with statements() as sent:
        sample()
    assert len(sent) <= 8
    assert all(f"LIMIT {sampling.READ}" in sql or "LIMIT 1" in sql for sql, _ in sent)
