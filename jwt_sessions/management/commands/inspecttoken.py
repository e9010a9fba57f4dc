"""``manage.py inspecttoken``: what a token says, and whether it is good."""

from __future__ import annotations

import json
import sys
import time
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from jwt_sessions import sessions
from jwt_sessions.claims import TYP_ACCESS, TYP_MFA, TYP_REFRESH, parse_uuid
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import BadKey, InvalidToken
from jwt_sessions.keys import find_refresh_key, get_keyring
from jwt_sessions.management.words import moment, span
from jwt_sessions.models import Session
from jwt_sessions.tokens import parse_issuer_token, parse_mfa_token
from jwt_sessions.tokens.reasons import explain

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

TIMES: Final = {"exp", "nbf", "iat", "auth_time"}
KINDS: Final = {
    TYP_ACCESS: "an access token",
    TYP_REFRESH: "a refresh token",
    TYP_MFA: "an mfa_token",
}


class Command(BaseCommand):
    help = (
        "Show what a token says, and whether it is good, and if not, why. Reads it from standard "
        "input, so that it stands in no shell's history. Ends with 1 if it is not good."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("token", nargs="?", default="-", help="the token; - is standard input")

    def handle(self, *args: Any, token: str, **options: Any) -> None:
        try:
            text = (sys.stdin.read() if token == "-" else token).strip()
        except UnicodeDecodeError as error:
            raise CommandError("What comes in is no text.") from error
        header, payload = _peek(text)
        for title, lines in (
            ("Header", _claims(header)),
            ("Payload", _claims(payload)),
            ("Key", _key(header)),
            ("Session", _session(payload)),
        ):
            self.stdout.write(title)
            for name, value in lines:
                self.stdout.write(f"  {name:<12}{value}")
        try:
            _judge(text, header, payload)
        except InvalidToken as error:
            self.stdout.write(f"Not good: {error.reason}. {explain(error.reason)}")
            sys.exit(1)
        except (BadKey, DatabaseError, InterfaceError) as error:
            self.stdout.write(f"It cannot be judged: {error}")
            sys.exit(1)
        self.stdout.write(f"Good: {KINDS[_typ(header)]}.")


def _judge(text: str, header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Return if the token is good. Raises ``InvalidToken``."""
    issuer = payload.get("iss")
    if isinstance(issuer, str) and issuer in conf.TRUSTED_ISSUERS:
        parse_issuer_token(text, issuer=issuer)
    elif _typ(header) == TYP_MFA:
        parse_mfa_token(text)
    else:
        sessions.verify(text)


def _peek(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what header and payload say, as far as they can be read; nothing of it is proven."""
    decoded = [_decode(segment) for segment in text.split(".")]
    return decoded[0], decoded[1] if len(decoded) > 1 else {}


def _decode(segment: str) -> dict[str, Any]:
    try:
        value = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _typ(header: dict[str, Any]) -> str:
    return str(header.get("typ")).lower().removeprefix("application/")


def _claims(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not values:
        yield "-", "cannot be read"
    for name, value in values.items():
        # As JSON in ASCII, so that nothing in it reaches the terminal as a command.
        said = json.dumps(value)
        is_time = name in TIMES and type(value) in {int, float} and 0 <= value < 2**35
        yield json.dumps(name)[1:-1], f"{said}  {_when(value)}" if is_time else said


def _when(seconds: float) -> str:
    away = seconds - time.time()
    return f"{moment(seconds)}, " + (f"in {span(away)}" if away > 0 else f"{span(-away)} ago")


def _key(header: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kid = header.get("kid")
    try:
        key = find_refresh_key(kid) if isinstance(kid, str) else None
        if key is None:
            yield "-", "none of ours"
            return
        yield "state", get_keyring().state_of(key, time.time())
        yield "algorithm", key.algorithm
        yield "source", key.origin
    except BadKey as error:
        yield "-", f"cannot be read: {error}"


def _session(payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    sid = payload.get("sid")
    uuid = parse_uuid(sid) if isinstance(sid, str) else None
    try:
        session = uuid and Session.objects.filter(pk=uuid).first()
    except (DatabaseError, InterfaceError) as error:
        yield "-", f"cannot be read: {error}"
        return
    if not session:
        yield "-", "none of ours"
        return
    yield "user", json.dumps(str(session.user))
    yield "created", moment(session.created_at.timestamp())
    yield "expires", moment(session.expires_at.timestamp())
    if session.revoked_at is not None:
        yield "revoked", f"{moment(session.revoked_at.timestamp())}, {session.revoked_reason}"
