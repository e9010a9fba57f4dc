"""``manage.py signingkeys``: make, list, rotate and retire the keys that sign tokens."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError

from jwt_sessions.conf import conf
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.algorithms import ALGORITHMS
from jwt_sessions.keys.directory import DIRECTORY_MODE, locked, read_directory
from jwt_sessions.keys.keyring import Keyring, KeyState
from jwt_sessions.keys.loading import find_own_keys, longest_token_life
from jwt_sessions.keys.rotation import KeyDirectory
from jwt_sessions.management.words import duration, moment, span

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from contextlib import AbstractContextManager

    from jwt_sessions.keys import Key

DEFAULT_ALGORITHM: Final = "ES256"
HEADINGS: Final = ("kid", "algorithm", "state", "age", "signs from", "verifies until", "source")

# How many characters of a kid are enough to name it.
LEAST_OF_A_KID: Final = 4


class Command(BaseCommand):
    help = "Make, list, rotate and retire the keys that sign tokens. No key is ever shown."
    # It is what repairs what they complain about.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key")
        show = actions.add_parser("list", help="show what there is to know of all keys")
        rotate = actions.add_parser(
            "rotate", help="publish a key that signs next, and retire what is due"
        )
        retire = actions.add_parser("retire", help="delete keys whose last token has expired")
        for action in (create, show, rotate, retire):
            action.add_argument(
                "--directory", type=folder, help="where the keys are; else as SIGNING_KEYS says"
            )
        for action in (create, rotate, retire):
            action.add_argument(
                "--dry-run", action="store_true", help="say what would happen, and do nothing"
            )
        for action in (create, rotate):
            action.add_argument("--algorithm", choices=ALGORITHMS, metavar="NAME")
            action.add_argument(
                "--now", action="store_true", help="sign at once: who verifies may not know it yet"
            )
        rotate.add_argument(
            "--if-older-than",
            type=duration,
            metavar="90d",
            help="do nothing while the signing key is younger",
        )
        retire.add_argument("kids", nargs="*", metavar="KID", help="ids, or how they begin")
        retire.add_argument(
            "--now", action="store_true", help="also what has signed tokens that are still good"
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        handlers = {
            "create": self.create,
            "list": self.show,
            "rotate": self.rotate,
            "retire": self.retire,
        }
        try:
            handlers[action](options)
        except BadKey as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error

    def create(self, options: Mapping[str, Any]) -> None:
        path = self._path(options)
        if not path.exists():
            if options["dry_run"]:
                self.stdout.write(f"Would make {path} and a key in it.")
                return
            path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        with self._alone(path, options):
            self._create(self._read(path), options)
        if not self._configured():
            self.stdout.write(f'Now set SIGNING_KEYS to [{{"directory": "{path.resolve()}"}}].')

    def rotate(self, options: Mapping[str, Any]) -> None:
        path = self._path(options)
        # Who waited for the other host finds what it has made, and makes no second one.
        with self._alone(path, options):
            directory = self._read(path)
            if reason := why_not(directory, options):
                self.stdout.write(f"Nothing to rotate: {reason}.")
            else:
                self._create(directory, options)
            self._retire(directory, list(directory.in_state(KeyState.RETIRED)), options)

    def retire(self, options: Mapping[str, Any]) -> None:
        path = self._path(options)
        with self._alone(path, options):
            directory = self._read(path)
            named = [_find(directory, kid) for kid in options["kids"]]
            for key in named:
                if (reason := directory.why_kept(key)) and not options["now"]:
                    raise CommandError(f"{key.kid} is kept: {reason}. --now retires it anyway.")
            due = named or list(directory.in_state(KeyState.RETIRED))
            if not due:
                self.stdout.write("No key is due to be retired.")
            self._retire(directory, due, options)

    def show(self, options: Mapping[str, Any]) -> None:
        found = read_directory(options["directory"]) if options["directory"] else find_own_keys()
        ring, now = Keyring(found.keys, kept_for=longest_token_life()), time.time()
        rows = [HEADINGS, *(_row(key, ring.state_of(key, now), now) for key in ring.keys)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for cells in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            self.stdout.write(line.rstrip())
        for complaint in found.complaints:
            self.stderr.write(str(complaint))

    def _path(self, options: Mapping[str, Any]) -> Path:
        if options["directory"] is not None:
            return Path(options["directory"])
        configured = self._configured()
        if len(configured) != 1:
            number = len(configured) or "no"
            raise CommandError(f"SIGNING_KEYS names {number} directory; say which by --directory.")
        return configured[0]

    @staticmethod
    def _configured() -> list[Path]:
        sources = (source for source in conf.SIGNING_KEYS or () if isinstance(source, Mapping))
        paths = [source["directory"] for source in sources if "directory" in source]
        return [Path(path) for path in paths if isinstance(path, str | Path)]

    @staticmethod
    def _alone(path: Path, options: Mapping[str, Any]) -> AbstractContextManager[None]:
        return nullcontext() if options["dry_run"] else locked(path)

    def _read(self, path: Path) -> KeyDirectory:
        directory = KeyDirectory(path, now=time.time())
        for complaint in directory.complaints:
            self.stderr.write(str(complaint))
        return directory

    def _create(self, directory: KeyDirectory, options: Mapping[str, Any]) -> None:
        usual = directory.keys[0].algorithm if directory.keys else DEFAULT_ALGORITHM
        algorithm = options["algorithm"] or usual
        begin = directory.next_begin(at_once=options["now"])
        if options["dry_run"]:
            self.stdout.write(f"Would make a key for {algorithm} that signs from {moment(begin)}.")
            return
        key = directory.create(algorithm, signs_from=begin)
        self.stdout.write(f"Made {key.kid} for {algorithm}, which signs from {moment(begin)}.")

    def _retire(self, directory: KeyDirectory, due: list[Key], options: Mapping[str, Any]) -> None:
        for key in due:
            self.stdout.write(f"{'Would retire' if options['dry_run'] else 'Retired'} {key.kid}.")
        if not options["dry_run"]:
            directory.delete(due)


def folder(text: str) -> Path:
    """Read a path; an unset variable of a shell is none."""
    if not text or "\0" in text:
        raise ArgumentTypeError("there is no such path")
    return Path(text)


def why_not(directory: KeyDirectory, options: Mapping[str, Any]) -> str | None:
    """Return why there is nothing to rotate, or None."""
    signing, pending, least = (
        directory.signing_key,
        directory.pending_key,
        options["if_older_than"],
    )
    if pending is not None and not options["now"]:
        return f"{pending.kid} is published and signs from {moment(pending.signs_from)}"
    if signing is None or signing.signs_from is None or least is None:
        return None
    if directory.now - signing.signs_from >= least.total_seconds():
        return None
    return f"{signing.kid} is younger than {span(least.total_seconds())}"


def _find(directory: KeyDirectory, start: str) -> Key:
    if len(start) < LEAST_OF_A_KID:
        raise CommandError(f"Write at least {LEAST_OF_A_KID} characters of the kid.")
    return directory.find(start)


def _row(key: Key, state: KeyState, now: float) -> tuple[str, ...]:
    has_begun = key.signs_from is not None and key.signs_from <= now
    return (
        key.kid,
        key.algorithm,
        state,
        span(now - key.signs_from) if has_begun and key.signs_from is not None else "-",
        moment(key.signs_from),
        moment(key.ends_at),
        key.origin,
    )
