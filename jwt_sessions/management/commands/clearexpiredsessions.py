"""``manage.py clearexpiredsessions``: delete what nobody can use any more."""

from __future__ import annotations

from argparse import ArgumentTypeError
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.management.progress import progress
from jwt_sessions.management.words import counted, duration
from jwt_sessions.mfa import pending_logins
from jwt_sessions.models import PendingLogin
from jwt_sessions.sessions.batching import BATCH_SIZE
from jwt_sessions.sessions.clearing import RETAIN_EXPIRED, RETAIN_REVOKED, count_expired

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Command(BaseCommand):
    help = "Delete sessions that have expired or were revoked long ago, and logins left half-way."
    # Cron would mail their warnings day by day.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--expired-for",
            type=duration,
            default=RETAIN_EXPIRED,
            metavar="DURATION",
            help="how long ago they must have expired, as 7d or 12h (default: at once)",
        )
        parser.add_argument(
            "--revoked-for",
            type=duration,
            default=RETAIN_REVOKED,
            metavar="DURATION",
            help=f"how long ago they must have been revoked (default: {RETAIN_REVOKED.days}d)",
        )
        parser.add_argument(
            "--limit", type=natural, metavar="N", help="delete no more than N sessions"
        )
        parser.add_argument(
            "--batch-size",
            type=natural,
            default=BATCH_SIZE,
            metavar="N",
            help="how many go in one transaction (default: %(default)s)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say how many there are, and delete nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        periods = {
            "retain_expired": options["expired_for"],
            "retain_revoked": options["revoked_for"],
        }
        limit, size = options["limit"], options["batch_size"]
        if options["dry_run"]:
            total = _at_most(limit, count_expired(**periods))
            self._tell("Would clear", total, PendingLogin.objects.over(timezone.now()).count())
            return
        with self._progress(limit, options["verbosity"], periods) as report:
            cleared = sessions.clear_expired(
                **periods, limit=limit, batch_size=size, progress=report
            )
        logins = pending_logins.clear_over(batch_size=size)
        if options["verbosity"]:
            self._tell("Cleared", cleared, logins)

    def _progress(
        self, limit: int | None, verbosity: int, periods: dict[str, Any]
    ) -> AbstractContextManager[Callable[[int], None] | None]:
        if not verbosity:
            return nullcontext()
        total = _at_most(limit, count_expired(**periods))
        return progress(self.stdout, total=total, unit="sessions")

    def _tell(self, verb: str, cleared: int, logins: int) -> None:
        what = f"{counted(cleared, 'session')} and {counted(logins, 'pending login')}"
        self.stdout.write(f"{verb} {what}.")


def natural(text: str) -> int:
    """Read a number from 1 on."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _at_most(limit: int | None, number: int) -> int:
    return number if limit is None else min(limit, number)
