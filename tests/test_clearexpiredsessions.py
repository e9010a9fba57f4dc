"""``manage.py clearexpiredsessions``: what operators and cron see of clearing."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jwt_sessions.management import progress
from jwt_sessions.models import PendingLogin, Session
from tests.old_sessions import make_live, make_sessions, statements

DAY = timedelta(days=1)


class Terminal(StringIO):
    def isatty(self):
        return True


def run(*arguments, output=None):
    output = output or StringIO()
    call_command("clearexpiredsessions", *arguments, stdout=output, stderr=output)
    return output.getvalue()


@pytest.fixture
def over(alice):
    """Three that expired, two that were revoked long ago, a login left half-way, and what stays."""
    make_sessions(alice, 3)
    make_sessions(alice, 2, revoked=100 * DAY)
    make_live(alice, 1)
    now = timezone.now()
    PendingLogin.objects.create(user=alice, created_at=now, expires_at=now)


def test_it_says_in_one_line_what_it_cleared(over):
    assert run() == "Cleared 5 sessions and 1 pending login.\n"
    assert Session.objects.count() == 1
    assert run() == "Cleared 0 sessions and 0 pending logins.\n"


def test_a_dry_run_says_the_same_and_only_reads(over):
    with statements() as sent:
        assert run("--dry-run") == "Would clear 5 sessions and 1 pending login.\n"
    assert {sql.split()[0] for sql, _ in sent} == {"SELECT"}
    assert run("--dry-run", "--limit=2").startswith("Would clear 2 sessions")
    assert run() == "Cleared 5 sessions and 1 pending login.\n"


def test_it_says_nothing_where_it_is_told_to(over):
    assert run("--verbosity=0") == ""
    assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "cleared"),
    [
        (["--expired-for=7d"], 2),
        (["--revoked-for=101d"], 3),
        (["--revoked-for=0d"], 5),  # the last one may have access tokens yet
        (["--expired-for=999999w", "--revoked-for=999999w"], 0),
        (["--limit=4"], 4),
        (["--limit=4", "--batch-size=1"], 4),
        (["--batch-size=2"], 5),
    ],
)
def test_options_say_what_is_old_enough_and_how_many_go(over, alice, arguments, cleared):
    make_sessions(alice, 1, revoked=timedelta(0))
    assert run(*arguments).startswith(f"Cleared {cleared} session")


@pytest.mark.parametrize(
    "argument", ["--expired-for=7", "--revoked-for=-1d", "--limit=0", "--batch-size=0", "--limit=x"]
)
def test_what_cannot_be_meant_is_refused(over, argument):
    with pytest.raises(CommandError, match=argument.partition("=")[0]):
        run(argument)
    assert Session.objects.count() == 6


def test_on_a_terminal_a_bar_tells_how_far_it_is(over):
    said = run("--batch-size=2", output=Terminal())
    bar, line, nothing = said.split("\n")
    assert "0%" in bar
    assert "5/5" in bar
    assert nothing == ""
    assert line == "Cleared 5 sessions and 1 pending login."


def test_elsewhere_counted_lines_do_once_it_takes_long(over, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    assert run("--batch-size=2", "--expired-for=0d").splitlines() == [
        "2 of 5 sessions",
        "3 of 5 sessions",
        "5 of 5 sessions",
        "5 of 5 sessions",
        "Cleared 5 sessions and 1 pending login.",
    ]
