"""``manage.py secondfactor``: count second factors, adopt, encrypt anew, reset."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import router
from django.db.models import Count

from jwt_sessions import mfa
from jwt_sessions.encryption import all_keys
from jwt_sessions.exceptions import BadKey, UserGone
from jwt_sessions.management.people import find_user
from jwt_sessions.management.words import counted
from jwt_sessions.mfa import adopting, reencrypting
from jwt_sessions.mfa.devices import device_models
from jwt_sessions.models import EncryptedTOTP, Session

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable, Mapping


class Command(BaseCommand):
    help = "Count second factors, encrypt their secrets anew, adopt stock ones, reset a person's."
    # It is what repairs what they complain about.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("status", help="show how many devices there are, and under which keys")
        actions.add_parser(
            "reencrypt", help="bring all secrets under the newest of MFA_ENCRYPTION_KEYS"
        )
        adopt = actions.add_parser(
            "adopt", help="move authenticator apps of django-otp to encrypted ones"
        )
        adopt.add_argument(
            "--dry-run", action="store_true", help="say what would happen, and do nothing"
        )
        adopt.add_argument(
            "--force", action="store_true", help="even if something else looks for them"
        )
        reset = actions.add_parser("reset", help="remove all devices of who has lost them")
        reset.add_argument("username")
        reset.add_argument("--reason", default="", help="why, for the record; they are not told")
        reset.add_argument("--yes", action="store_true", help="do not ask")
        reset.add_argument(
            "--end-sessions", action="store_true", help="sign the person out everywhere, too"
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        handlers = {
            "status": self.show,
            "reencrypt": self.reencrypt,
            "adopt": self.adopt,
            "reset": self.reset,
        }
        try:
            handlers[action](options)
        except BadKey as error:
            raise CommandError(f"{error}.") from error

    def show(self, options: Mapping[str, Any]) -> None:
        for label, model in device_models().items():
            rows = model._base_manager.using(router.db_for_write(model))
            count, waiting = rows.filter(confirmed=True).count(), rows.filter(confirmed=False)
            self.stdout.write(f"{label}: {count} confirmed, {waiting.count()} not")
        configured = [keys.id for keys in all_keys()]
        used = Counter(dict(EncryptedTOTP.objects.values_list("key_id").annotate(Count("pk"))))
        for key_id in dict.fromkeys([*configured, *used]):
            state = "gone" if key_id not in configured else "older"
            state = "newest" if key_id == configured[0] else state
            self.stdout.write(f"key {key_id or '-'} ({state}): {counted(used[key_id], 'secret')}")

    def reencrypt(self, options: Mapping[str, Any]) -> None:
        done = reencrypting.reencrypt()
        self.stdout.write(f"Encrypted {counted(done.count, 'secret')} anew.")
        if done.lost:
            ids = ", ".join(map(str, done.lost))
            raise CommandError(
                f"{counted(len(done.lost), 'secret')} cannot be decrypted, of the devices {ids}. "
                "Name their keys in MFA_ENCRYPTION_KEYS, or reset these people."
            )

    def adopt(self, options: Mapping[str, Any]) -> None:
        is_rehearsal = options["dry_run"]
        obstacles = adopting.find_obstacles()
        for obstacle in obstacles:
            self.stderr.write(f"{obstacle}.")
        if obstacles and not (is_rehearsal or options["force"]):
            raise CommandError("Nothing was moved. --force moves them anyway.")
        done = adopting.adopt(dry_run=is_rehearsal)
        verb = "Would move" if is_rehearsal else "Moved"
        self.stdout.write(f"{verb} {counted(done.count, 'authenticator app')}.")
        for reason, count in sorted(done.left.items()):
            self.stdout.write(f"Left {count}: {reason}.")
        if done.count:
            self.stdout.write(
                "Their persistent ids change: who was verified by one in a browser session of "
                "django-otp proves it again. API sessions go on."
            )

    def reset(self, options: Mapping[str, Any]) -> None:
        user = find_user(options["username"])
        name, going = json.dumps(user.get_username()), mfa.list_devices(user)
        self._list(f"{name} has {counted(len(going), 'device')}.", going)
        if not options["yes"] and not self._is_sure(name):
            raise CommandError("Nothing was removed.")
        ends, reason = options["end_sessions"], options["reason"]
        try:
            done = mfa.changing.reset(user, reason=reason, end_sessions=ends)
        except UserGone as error:
            raise CommandError(f"{name} was deleted meanwhile.") from error
        self.stdout.write(f"Removed {counted(done.devices, 'device')} of {name}.")
        if ends:
            self.stdout.write(f"Ended {counted(done.sessions, 'session')}.")
        elif live := Session.objects.filter(user_id=user.pk).live().count():
            self.stdout.write(f"{counted(live, 'session')} left; --end-sessions ends them, too.")

    def _list(self, heading: str, devices: Iterable[mfa.OwnedDevice]) -> None:
        self.stdout.write(heading)
        for device in devices:
            self.stdout.write(f"  {device.method} {json.dumps(device.name)}")

    def _is_sure(self, name: str) -> bool:
        self.stdout.write("Be sure of whom you talk to: this is what an impostor asks for.")
        try:
            return input(f"Remove all second factors of {name}? [y/N] ").strip().lower() == "y"
        except EOFError:
            return False
