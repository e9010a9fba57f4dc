"""``manage.py revokesessions``: what an operator does when many sessions must end."""

from __future__ import annotations

import builtins
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.management import progress
from jwt_sessions.management.commands import revokesessions
from jwt_sessions.models import BulkRevocation, RefreshToken, Session
from jwt_sessions.sessions import batching, bulk
from tests.people import make_user

proves = pytest.mark.proves
WHY = ("--reason", "credentials_leaked", "--yes")


@pytest.fixture(autouse=True)
def no_gap(monkeypatch):
    monkeypatch.setattr(batching, "PAUSE", 0)


@pytest.fixture
def hers(alice):
    """Three sessions of alice's."""
    return [sessions.start(alice).session for _ in range(3)]


@pytest.fixture
def his(bob):
    return sessions.start(bob).session


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.fixture
def answer(monkeypatch):
    """Sit at a terminal and answer what is asked: ``answer("y")``; returns what was asked."""

    def sit_and_answer(text):
        asked = []
        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr(builtins, "input", lambda question: asked.append(question) or text)
        return asked

    return sit_and_answer


def run(*arguments, stream=None):
    output = stream or StringIO()
    call_command("revokesessions", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def fail(*arguments):
    """Return what was said, and the error that made the exit code."""
    output = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("revokesessions", *arguments, stdout=output, stderr=output)
    return output.getvalue(), error.value


def revoked():
    return set(Session.objects.revoked())


@proves("P1", "V1")
def test_p1_everybody_is_signed_out_on_their_next_request(phone, laptop):
    run("--all", *WHY)
    assert [device.call_protected().status_code for device in (phone, laptop)] == [401, 401]


def test_it_is_put_on_record(alice, hers, his):
    said = run("--user", alice.get_username(), "--by", alice.get_username(), *WHY)
    record = BulkRevocation.objects.get()
    assert said.endswith(f"Bulk revocation {record.pk} is done: 3 sessions revoked.\n")
    assert (record.by, record.reason, record.done, record.is_finished) == (
        alice,
        "credentials_leaked",
        3,
        True,
    )
    assert record.criteria == {"users": [str(alice.pk)]}
    assert revoked() == set(hers)


def test_a_dry_run_counts_and_writes_nothing(alice, bob, hers, his):
    Session.objects.filter(pk=his.pk).update(kind="browser")
    assert run("--all", "--dry-run").splitlines() == [
        "4 sessions of 2 people (3 api, 1 browser).",
        f'  "{alice.get_username()}": 3 sessions',
        f'  "{bob.get_username()}": 1 session',
        "Nothing was revoked: this was a dry run.",
    ]
    assert not revoked()
    assert not BulkRevocation.objects.exists()


def test_of_many_people_some_are_named(db):
    for number in range(7):
        sessions.start(make_user(f"person{number}"))
    said = run("--all", "--dry-run").splitlines()
    assert len([line for line in said if "person" in line and ":" in line]) == 5
    assert "  and 2 people more" in said


def test_a_strange_name_stays_on_its_line(db, alice, his):
    kind = type(alice)
    name = "al\nice\x1b[31m@example.com"
    if kind._meta.pk.name != kind.USERNAME_FIELD:
        kind.objects.filter(pk=his.user_id).update(**{kind.USERNAME_FIELD: name})
        assert '"al\\nice\\u001b[31m@example.com": 1 session' in run("--all", "--dry-run")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--user", "alice"],
        ["--group", "crew"],
        ["--staff"],
        ["--created-before", "1d"],
        ["--created-before", "2026-11-22"],
        ["--created-before", "2026-11-21T23:00+02:00"],
        ["--created-after", "2026-11-20", "--created-before", "12h"],
        ["--inactive-since", "2026-11-22T00:00"],
        ["--address", "203.0.113.0/24"],
        ["--device", "iPhone"],
        ["--kind", "browser"],
        ["--without-second-factor", "--created-before", "1d"],
        ["--all", "--staff"],
    ],
    ids=" ".join,
)
def test_which_sessions(alice, hers, his, arguments):
    long_ago = timezone.now() - timedelta(days=2)
    type(alice).objects.filter(pk=alice.pk).update(is_staff=True)
    alice.groups.add(Group.objects.create(name="crew"))
    values = {"kind": "browser", "user_agent": "an iphone", "created_at": long_ago}
    key = "00000000000000000000ffffcb007105"
    Session.objects.filter(user=alice).update(**values, address="203.0.113.5", address_key=key)
    RefreshToken.objects.filter(session__user=alice).update(last_seen_at=long_ago)
    names = {"alice": alice.get_username()}
    run(*[names.get(argument, argument) for argument in arguments], *WHY)
    assert revoked() == set(hers)


def test_a_date_is_of_the_sites_time_zone(hers, settings):
    settings.TIME_ZONE = "Pacific/Auckland"  # where it is the 24th already, 1 a.m.
    assert "No session" in run("--created-before", "2026-11-24", "--dry-run")
    assert "3 sessions" in run("--created-after", "2026-11-24", "--dry-run")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([*WHY], "Say which sessions"),
        (["--dry-run"], "Say which sessions"),
        (["--all", "--yes"], "--reason device_lost | credentials_leaked"),
        (["--all", "--yes", "--reason", "why not"], "invalid choice: 'why not'"),
        (["--user", "no\nbody", *WHY], 'nobody called "no\\nbody"'),
        (["--user", "", *WHY], 'nobody called ""'),
        (["--group", "crew", *WHY], 'no group called "crew"'),
        (["--all", "--by", "nobody", *WHY], 'nobody called "nobody"'),
        (["--address", "here", *WHY], "neither an IP address nor a network"),
        (["--all", "--address", "", *WHY], "neither an IP address nor a network"),
        (["--all", "--device", "", *WHY], "every device"),
        (["--created-before", "soon", *WHY], "'soon' is no time"),
        (["--created-before", "2026-13-01", *WHY], "'2026-13-01' is no time"),
        (["--kind", "pigeon", *WHY], "invalid choice"),
        (["--all", "--batch-size", "0", *WHY], "from 1 to"),
        (["--resume", "99", "--yes"], "no bulk revocation 99"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_revoked(hers, arguments, error):
    assert error in str(fail(*arguments)[1])
    assert not revoked()
    assert not BulkRevocation.objects.exists()


def test_nobody_concerned_is_no_error_and_no_record(db):
    assert run("--all", *WHY) == "No session is concerned.\n"
    assert not BulkRevocation.objects.exists()


def test_it_asks_and_shows_how_many(hers, his, answer):
    asked = answer("y")
    said = run("--all", "--reason", "credentials_leaked")
    assert said.startswith("4 sessions of 2 people (4 api).\n")
    assert asked == ["Revoke 4 sessions of 2 people? [y/N] "]
    assert len(revoked()) == 4


@pytest.mark.parametrize("text", ["", "n", "yes, but"])
def test_without_a_clear_yes_nothing_happens(hers, answer, text):
    answer(text)
    assert str(fail("--all", "--reason", "credentials_leaked")[1]) == "Nothing was revoked."
    assert not revoked()


def test_where_there_is_nobody_to_ask_it_says_so(hers, monkeypatch):
    monkeypatch.setattr(sys, "stdin", StringIO("y\n"))
    assert "--yes" in str(fail("--all", "--reason", "credentials_leaked")[1])
    assert not revoked()


# cut off and resumed


@pytest.fixture
def cut_off(hers, his, monkeypatch):
    """Let an error come after the first batch of two, once."""

    def run_and_cut_off(error):
        announce, left = bulk.Run._announce, iter([False, True])

        def announce_and_stop(run, count):
            if next(left, False):
                monkeypatch.undo()
                raise error
            announce(run, count)

        monkeypatch.setattr(bulk.Run, "_announce", announce_and_stop)
        monkeypatch.setattr(bulk, "ATTEMPTS", 1)
        return fail("--all", "--batch-size", "2", *WHY)

    return run_and_cut_off


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "Stopped. 2 of 4 sessions revoked."),
        (OperationalError("gone away\n"), 1, "gone away\n2 of 4 sessions revoked."),
    ],
)
def test_whoever_stops_it_is_told_how_to_go_on(cut_off, error, code, said):
    _, told = cut_off(error)
    record = BulkRevocation.objects.get()
    assert str(told) == f"{said} Go on with: manage.py revokesessions --resume {record.pk}"
    assert told.returncode == code
    assert (record.done, len(revoked())) == (2, 2)


def test_stopped_before_it_began(hers, monkeypatch):
    def interrupt(queryset):
        raise KeyboardInterrupt

    monkeypatch.setattr(revokesessions.sessions, "preview", interrupt)
    assert str(fail("--all", *WHY)[1]) == "Stopped. Nothing was revoked."


@proves("V1")
def test_it_goes_on_where_it_was(cut_off):
    cut_off(KeyboardInterrupt())
    number = BulkRevocation.objects.get().pk
    assert run("--resume", str(number), "--yes").endswith(
        f"Bulk revocation {number} is done: 4 sessions revoked.\n"
    )
    record = BulkRevocation.objects.get()
    assert record.done == record.sessions.count() == len(revoked()) == 4
    assert f"{number} is finished" in str(fail("--resume", str(number))[1])


def test_one_with_nothing_left_is_closed(cut_off):
    cut_off(KeyboardInterrupt())
    number = BulkRevocation.objects.get().pk
    Session.objects.all().revoke(reason="signed_out")
    assert "2 sessions revoked" in run("--resume", str(number), "--yes")
    assert BulkRevocation.objects.get().is_finished


@pytest.mark.parametrize(
    "more", [["--all"], ["--device", ""], ["--reason", "other"], ["--note", "x"], ["--by", "bob"]]
)
def test_what_is_resumed_goes_by_its_record(cut_off, more):
    cut_off(KeyboardInterrupt())
    number = str(BulkRevocation.objects.get().pk)
    assert "by what is on record" in str(fail("--resume", number, "--yes", *more)[1])
    assert len(revoked()) == 2


def test_one_without_criteria_is_resumed_in_python_only(hers):
    record = BulkRevocation.objects.create(reason="other", total=3)
    assert "Python" in str(fail("--resume", str(record.pk), "--yes")[1])
    assert not revoked()


def test_unfinished_ones_are_mentioned(cut_off):
    cut_off(KeyboardInterrupt())
    number = BulkRevocation.objects.get().pk
    said = run("--all", "--dry-run")
    assert f"Bulk revocation {number} was stopped or is still running: 2 of 4" in said
    assert "was stopped" not in run("--resume", str(number), "--dry-run")


# progress


def test_on_a_terminal_there_is_one_bar_on_one_line(hers):
    said = run("--all", "--batch-size", "1", *WHY, stream=Terminal())
    bar = next(line for line in said.split("\n") if "0/3" in line)
    assert "3/3" in bar


def test_elsewhere_there_is_a_line_now_and_then(hers, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    said = run("--all", "--batch-size", "1", *WHY)
    assert "1 of 3 sessions\n2 of 3 sessions\n3 of 3 sessions\n" in said
