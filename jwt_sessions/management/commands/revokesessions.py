"""``manage.py revokesessions``: end many sessions at once, beside a site that goes on running."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from jwt_sessions import sessions
from jwt_sessions.exceptions import BadCriteria
from jwt_sessions.management.people import find_user, quote
from jwt_sessions.management.progress import progress
from jwt_sessions.management.words import counted, time_or_age
from jwt_sessions.models import BulkRevocation, BulkRevocationReason, SessionKind
from jwt_sessions.sessions.batching import BATCH_SIZE
from jwt_sessions.sessions.criteria import group_model

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Mapping

# What a process returns that Ctrl-C has ended.
INTERRUPTED = 130
# As many as are locked at once.
LARGEST_BATCH = 50_000
TIME: dict[str, Any] = {"type": time_or_age, "metavar": "TIME"}


class Command(BaseCommand):
    help = "End all sessions to which everything that you give applies. It is put on record."
    # Somebody may be in the house, while a check complains about the door.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_argument_group(
            "which sessions",
            "TIME is a date or time (2026-11-20, 2026-11-20T08:00) or an age (30d, 12h).",
        )
        which.add_argument(
            "--user", action="append", dest="users", metavar="NAME", help="of this person"
        )
        which.add_argument(
            "--group", action="append", dest="groups", metavar="NAME", help="of this group"
        )
        which.add_argument("--staff", action="store_true", help="of who may use the admin")
        which.add_argument("--created-before", **TIME, help="that began before then")
        which.add_argument("--created-after", **TIME, help="that began then or later")
        which.add_argument("--inactive-since", **TIME, help="that were last refreshed before then")
        which.add_argument("--active-since", **TIME, help="that were refreshed then or later")
        which.add_argument(
            "--address", dest="network", help="that began at this IP address, or in this network"
        )
        which.add_argument("--device", metavar="TEXT", help="with this in what they run on")
        which.add_argument("--kind", choices=SessionKind.values)
        which.add_argument(
            "--without-second-factor", action="store_true", help="in which none was proven"
        )
        which.add_argument(
            "--except-user",
            action="append",
            dest="except_users",
            metavar="NAME",
            help="but none of this person",
        )
        which.add_argument(
            "--except-superusers", action="store_true", help="but none of superusers"
        )
        which.add_argument("--all", action="store_true", dest="everyone", help="whatever they are")
        which.add_argument(
            "--resume", type=int, metavar="ID", help="what was left of an earlier one"
        )
        parser.add_argument("--reason", choices=BulkRevocationReason.values, help="why")
        parser.add_argument("--note", metavar="TEXT", help="more on why, for the record")
        parser.add_argument("--by", metavar="NAME", help="who does it, for the record")
        parser.add_argument("--dry-run", action="store_true", help="count, and do nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--batch-size", type=_size, default=BATCH_SIZE, help="how many in one transaction"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.record: BulkRevocation | None = None
        try:
            self.run(options)
        except BadCriteria as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            raise CommandError(f"Stopped. {self._how_far()}", returncode=INTERRUPTED) from error
        except OperationalError as error:
            raise CommandError(f"{str(error).strip()}\n{self._how_far()}") from error

    def run(self, options: Mapping[str, Any]) -> None:
        self._mention_unfinished(options["resume"])
        record = _find_record(options["resume"])
        criteria = _read_criteria(record, options)
        if not (record or options["dry_run"] or options["reason"]):
            raise CommandError(f"Say why, for the record: --reason {_reasons()}.")
        by = find_user(options["by"]) if options["by"] else None
        ahead = sessions.preview(criteria.sessions())
        self._show(ahead)
        if options["dry_run"]:
            self.stdout.write("Nothing was revoked: this was a dry run.")
        if options["dry_run"] or not (ahead.count or record):
            return
        if not options["yes"] and not self._is_sure(ahead):
            raise CommandError("Nothing was revoked.")
        self._revoke(record, criteria, ahead, {**options, "by": by})

    def _revoke(
        self,
        record: BulkRevocation | None,
        criteria: sessions.Criteria,
        ahead: sessions.Preview,
        options: Mapping[str, Any],
    ) -> None:
        before = record.done if record else 0
        with progress(self.stdout, total=before + ahead.count, unit="sessions") as tell:

            def note(record: BulkRevocation) -> None:
                self.record = record
                tell(record.done)

            how: dict[str, Any] = {"batch_size": options["batch_size"], "progress": note}
            if record:
                record = sessions.resume_revocation(record, **how)
            else:
                how |= {name: options[name] for name in ("reason", "by")}
                how["note"] = options["note"] or ""
                record = sessions.revoke_in_batches(
                    criteria.sessions(), criteria=criteria.to_json(), **how
                )
        count = counted(record.done, "session")
        self.stdout.write(f"Bulk revocation {record.pk} is done: {count} revoked.")

    def _mention_unfinished(self, resumed: int | None) -> None:
        for record in BulkRevocation.objects.unfinished().exclude(pk=resumed or 0):
            self.stderr.write(
                f"Bulk revocation {record.pk} was stopped or is still running: {_so_far(record)}. "
                f"--resume {record.pk} goes on with it."
            )

    def _show(self, ahead: sessions.Preview) -> None:
        if not ahead.count:
            self.stdout.write("No session is concerned.")
            return
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(ahead.kinds.items()))
        self.stdout.write(f"{_whose(ahead)} ({kinds}).")
        for user, number in ahead.sample:
            self.stdout.write(f"  {quote(user.get_username())}: {counted(number, 'session')}")
        if ahead.people > len(ahead.sample):
            self.stdout.write(f"  and {_people(ahead.people - len(ahead.sample))} more")

    def _is_sure(self, ahead: sessions.Preview) -> bool:
        if not sys.stdin.isatty():
            raise CommandError("There is nobody to ask. --yes does it without asking.")
        try:
            return input(f"Revoke {_whose(ahead)}? [y/N] ").strip().lower() == "y"
        except EOFError:
            return False

    def _how_far(self) -> str:
        if self.record is None:
            return "Nothing was revoked."
        record = BulkRevocation.objects.filter(pk=self.record.pk).first() or self.record
        return f"{_so_far(record)}. Go on with: manage.py revokesessions --resume {record.pk}"


def _read_criteria(record: BulkRevocation | None, options: Mapping[str, Any]) -> sessions.Criteria:
    names = {field.name for field in fields(sessions.Criteria)}
    # Not whatever is false: an empty text is a mistake, never no condition.
    given = {name: options[name] for name in names & options.keys()}
    given = {name: value for name, value in given.items() if value not in (None, False)}
    if record is None:
        for name, find in FINDERS.items():
            if name in given:
                given[name] = [find(each) for each in given[name]]
        if not given:
            raise CommandError("Say which sessions: --all, or --user NAME, or others of --help.")
        return sessions.Criteria(**given)
    if given or options["reason"] or options["by"] or options["note"]:
        raise CommandError("--resume goes by what is on record: give no criteria, reason or name.")
    try:
        return sessions.Criteria.from_json(record.criteria)
    except BadCriteria as error:
        raise CommandError(
            f"{error} Go on in Python: sessions.resume_revocation(record, queryset)."
        ) from error


def _find_group(name: str) -> Any:
    group = group_model()._base_manager.filter(name=name).first()
    if group is None:
        raise CommandError(f"There is no group called {quote(name)}.")
    return group


FINDERS: Final = {"users": find_user, "groups": _find_group, "except_users": find_user}


def _reasons() -> str:
    return " | ".join(BulkRevocationReason.values)


def _find_record(number: int | None) -> BulkRevocation | None:
    if number is None:
        return None
    record = BulkRevocation.objects.filter(pk=number).first()
    if record is None:
        raise CommandError(f"There is no bulk revocation {number}.")
    if record.is_finished:
        raise CommandError(f"Bulk revocation {number} is finished: {_so_far(record)}.")
    return record


def _size(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= LARGEST_BATCH:
        raise ArgumentTypeError(f"write a number from 1 to {LARGEST_BATCH}")
    return int(text)


def _so_far(record: BulkRevocation) -> str:
    return f"{record.done:,} of {counted(record.total, 'session')} revoked"


def _whose(ahead: sessions.Preview) -> str:
    return f"{counted(ahead.count, 'session')} of {_people(ahead.people)}"


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"
