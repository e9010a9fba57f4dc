from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from jwt_sessions.testing import current_code

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Print the code that a person's authenticator app shows now, for who has none at hand."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        person = User.objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"There is nobody called {username}.")
        try:
            self.stdout.write(current_code(person))
        except LookupError as error:
            raise CommandError(str(error)) from error
