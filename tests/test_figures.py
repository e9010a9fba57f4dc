"""How many there are: exact while they are few, about right and cheap however many."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from jwt_sessions.models import BulkRevocation, RevokedReason, SecurityEvent
from jwt_sessions.sessions.figures import daily, living, midnights, read_figures
from jwt_sessions.sessions.figures.numbers import Number
from jwt_sessions.sessions.stretches import ROWS
from tests.many_sessions import begin
from tests.old_sessions import plan_of, statements
from tests.people import make_user

proves = pytest.mark.proves
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def today():
    return read_figures().days[-1]


def about(number, truth, *, within=0.25):
    return number.is_estimate and abs(number.value - truth) <= within * truth


@pytest.fixture
def low_caps(monkeypatch):
    """Limits that a few hundred sessions are beyond."""
    monkeypatch.setattr(daily, "CAP", 100)
    monkeypatch.setattr(living, "CAP", 100)


def test_a_site_without_sessions_has_noughts(db):
    figures = read_figures()
    assert figures.live == living.Live(Number(0), Number(0), Number(0))
    assert len(figures.days) == 30
    assert {day.sign_ins for day in figures.days} == {Number(0)}
    assert {day.reuses for day in figures.days} == {Number(0)}
    assert not any(day.revocations for day in figures.days)
    assert not figures.has_estimates


@pytest.mark.parametrize("number", [1, 40, living.CAP])
def test_live_sessions_are_counted_exactly_up_to_the_limit(alice, bob, number):
    begin(alice, bob, number=number, apart=timedelta(milliseconds=3))
    live = read_figures().live
    assert live.sessions == Number(number)
    assert live.people == Number(min(number, 2))


def test_one_more_than_the_limit_is_estimated(alice, bob):
    begin(alice, bob, number=living.CAP + 1, at=timezone.now() - DAY, apart=timedelta(seconds=30))
    live = read_figures().live
    assert about(live.sessions, living.CAP + 1)


def test_many_sessions_that_end_at_one_moment_are_not_taken_for_few(alice, low_caps):
    begin(alice, number=300)
    live = read_figures().live
    assert about(live.sessions, 300, within=0.05)
    assert live.people.value == 1


def test_what_is_revoked_expired_or_unused_is_not_live(alice):
    begin(alice)
    begin(alice, revoked_at=timezone.now())
    begin(alice, expires_at=timezone.now())
    begin(alice, idle=timedelta(0))
    assert read_figures().live.sessions == Number(1)


def test_sessions_of_nobody_are_of_no_people(db):
    begin(number=3)
    live = read_figures().live
    assert (live.sessions, live.people) == (Number(3), Number(0))


def test_sessions_with_a_second_factor_are_told_apart(alice):
    begin(alice, number=3, amr=["pwd"])
    begin(alice, amr=["pwd", "otp", "mfa"])
    live = read_figures().live
    assert live.with_second_factor == Number(1)
    assert live.share == 0.25


@pytest.mark.parametrize("number", [0, 1, 40, daily.CAP])
def test_sign_ins_of_a_day_are_counted_exactly_up_to_the_limit(alice, number):
    begin(alice, number=number, at=timezone.now() - 2 * DAY)
    assert [day.sign_ins.value for day in read_figures().days[-3:]] == [number, 0, 0]
    assert read_figures().days[-3].sign_ins.is_exact


def test_one_sign_in_more_than_the_limit_is_estimated(alice):
    begin(alice, number=daily.CAP + 1, at=timezone.now() - 2 * HOUR, apart=timedelta(seconds=10))
    sign_ins = today().sign_ins
    assert not sign_ins.is_exact
    assert sign_ins.value >= daily.CAP


def test_a_crowded_day_is_about_right_and_its_neighbours_are_exact(alice, low_caps):
    midnight = midnights(timezone.now(), 1)[0]
    begin(alice, number=2_000, at=midnight - DAY, apart=DAY / 2_000)
    begin(alice, number=7, at=midnight)
    begin(alice, number=8, at=midnight - DAY - HOUR)
    before, crowded, after = (day.sign_ins for day in read_figures().days[-3:])
    assert (before, after) == (Number(8), Number(7))
    assert about(crowded, 2_000, within=0.05)


def test_many_sign_ins_in_one_moment_are_at_least_what_was_counted(alice, low_caps):
    begin(alice, number=300)
    assert today().sign_ins == Number(100, is_minimum=True)


def test_days_begin_at_midnight_of_the_sites_time_zone(alice, settings):
    settings.TIME_ZONE = "Pacific/Auckland"
    begin(alice, at=datetime(2026, 11, 22, 10, 59, tzinfo=UTC))
    begin(alice, at=datetime(2026, 11, 22, 11, 0, tzinfo=UTC))
    days = {day.date: day.sign_ins.value for day in read_figures().days if day.sign_ins.value}
    assert days == {date(2026, 11, 22): 1, date(2026, 11, 23): 1}


def test_a_day_of_which_an_hour_is_missing_is_a_day(alice, settings, clock):
    settings.TIME_ZONE = "Europe/Berlin"
    clock.move_to(datetime(2026, 3, 30, 12, tzinfo=UTC))
    begin(alice, at=datetime(2026, 3, 28, 23, 30, tzinfo=UTC))
    begin(alice, at=datetime(2026, 3, 29, 21, 30, tzinfo=UTC))
    days = {day.date: day.sign_ins.value for day in read_figures().days if day.sign_ins.value}
    assert days == {date(2026, 3, 29): 2}


def test_revocations_are_counted_by_day_and_reason(alice):
    now = timezone.now()
    begin(alice, number=3, revoked_at=now, revoked_reason=RevokedReason.SIGNED_OUT)
    begin(alice, revoked_at=now, revoked_reason=RevokedReason.TOKEN_REUSED)
    begin(alice, revoked_at=now - DAY, revoked_reason=RevokedReason.SIGNED_OUT)
    begin(alice, revoked_at=now - 30 * DAY, revoked_reason=RevokedReason.SIGNED_OUT)
    *rest, yesterday, this_day = (day.revocations for day in read_figures().days)
    assert this_day == {"signed_out": Number(3), "token_reused": Number(1)}
    assert yesterday == {"signed_out": Number(1)}
    assert not any(rest)


@pytest.mark.parametrize("number", [daily.CAP, daily.CAP + 1])
def test_revocations_are_exact_up_to_the_limit(alice, number):
    when = {"at": timezone.now() - 2 * HOUR, "apart": timedelta(seconds=10)}
    begin(alice, number=number, revoked_after=HOUR / 60, revoked_reason="signed_out", **when)
    revoked = today().revoked
    assert revoked.is_exact == (number <= daily.CAP)
    assert revoked.value >= daily.CAP


def test_a_bulk_revocation_of_a_crowded_day_is_exact_and_the_others_are_about_right(
    alice, low_caps
):
    midnight = midnights(timezone.now(), 1)[0]
    record = BulkRevocation.objects.create(
        reason="breach", started_at=midnight - 12 * HOUR, total=900, done=900
    )
    ends = {"expires_at": midnight - HOUR, "revoked_reason": RevokedReason.REVOKED_BY_STAFF}
    begin(number=900, revoked_at=midnight - 12 * HOUR, bulk_revocation=record, **ends)
    when = {"at": midnight - DAY, "apart": DAY / 1_200}
    begin(number=1_200, revoked_after=DAY * 0, revoked_reason="signed_out", **when)
    revocations = read_figures().days[-2].revocations
    assert revocations["revoked_by_staff"] == Number(900)
    assert about(revocations["signed_out"], 1_200)


def test_reused_refresh_tokens_are_counted_by_day_and_other_events_are_not(alice):
    now = timezone.now()
    for at in (now, now, now - 3 * DAY):
        SecurityEvent.objects.create(at=at, kind="refresh_token_reused", user=alice)
    SecurityEvent.objects.create(at=now, kind="factor_added", user=alice)
    assert [day.reuses.value for day in read_figures().days[-4:]] == [1, 0, 0, 2]


def test_more_reuses_than_are_counted_are_at_least_so_many(db, low_caps):
    now = timezone.now()
    SecurityEvent.objects.bulk_create(
        [SecurityEvent(at=now, kind="refresh_token_reused") for _ in range(101)]
    )
    assert today().reuses == Number(100, is_minimum=True)


def test_live_sessions_beyond_the_limit_are_about_right(db, low_caps):
    people = [make_user(f"user{number}") for number in range(150)]
    when = {"at": timezone.now() - 5 * DAY, "apart": timedelta(minutes=2)}
    begin(*people, number=1_500, amr=["pwd", "mfa"], **when)
    begin(*people[:75], number=1_500, amr=["pwd"], **when)
    begin(*people, number=1_000, idle=timedelta(0), **when)
    live = read_figures().live
    assert about(live.sessions, 3_000, within=0.1)
    assert about(live.people, 150)
    assert 0.4 < live.share < 0.6


def test_newer_sessions_that_are_over_make_nobody_count_twice(db, low_caps):
    people = [make_user(f"user{number}") for number in range(50)]
    when = {"at": timezone.now() - 5 * DAY, "apart": timedelta(minutes=2)}
    begin(*people, number=1_500, **when)
    begin(*people, number=1_500, idle=timedelta(0), **when)
    assert about(read_figures().live.people, 50)


def test_one_who_has_nearly_all_sessions_is_one(db, low_caps):
    when = {"at": timezone.now() - 5 * DAY, "apart": timedelta(minutes=1)}
    begin(make_user("robot"), number=3_000, **when)
    begin(*[make_user(f"user{number}") for number in range(10)], number=10, **when)
    assert read_figures().live.people.value < 100


@proves("P12")
def test_p12_the_figures_cost_as_many_queries_for_one_as_for_hundreds(
    alice, django_assert_num_queries
):
    begin(alice)
    with django_assert_num_queries(8):
        read_figures()
    begin(alice, number=500)
    begin(alice, number=50, revoked_at=timezone.now(), revoked_reason="signed_out")
    with django_assert_num_queries(8):
        read_figures()


@proves("P12")
def test_p12_estimates_cost_a_limited_number_of_queries(alice, low_caps):
    moments = {"at": timezone.now() - 20 * DAY, "apart": timedelta(minutes=8)}
    begin(alice, number=3_500, **moments)
    with statements() as sent:
        figures = read_figures()
    assert figures.has_estimates
    assert len(sent) <= 20


def test_no_statement_goes_through_all_sessions(alice, low_caps):
    if connection.vendor != "sqlite":
        pytest.skip("a small table is gone through")
    when = {"at": timezone.now() - HOUR, "apart": timedelta(seconds=5)}
    begin(alice, number=500, **when)
    begin(alice, number=500, revoked_after=DAY * 0, revoked_reason="signed_out", **when)
    with statements() as sent:
        read_figures()
    plans = [plan_of(*each) for each in sent]
    assert len(plans) > 10
    assert not any("SCAN jwt_sessions_se" in plan for plan in plans)


def test_no_statement_may_read_more_rows_than_is_promised():
    assert 30 * (daily.CAP + 1) <= ROWS
    assert 30 * daily.PIECES * max(daily.LOOKED_AT, daily.READ) <= ROWS
    for people, sessions in living.LOOKS:
        # Where the newest begin, their rows, and their refresh tokens.
        assert people * (1 + 3 * sessions + 1) <= ROWS


def test_unfinished_bulk_revocations_are_told(db):
    BulkRevocation.objects.create(reason="breach", finished_at=timezone.now())
    record = BulkRevocation.objects.create(reason="breach")
    assert read_figures().unfinished == [record]


def test_where_times_have_no_zone_days_are_days(alice, settings):
    if connection.vendor == "postgresql":
        pytest.skip("its columns were made for times with a zone")
    settings.USE_TZ = False
    begin(alice)
    assert today().sign_ins == Number(1)
