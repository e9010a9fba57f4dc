"""``manage.py inspecttoken``: what a token says, whether it is good, and if not, why."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

import jwt_sessions
from jwt_sessions import sessions
from jwt_sessions.management.words import span
from jwt_sessions.models import RevokedReason
from jwt_sessions.tokens import mint_mfa_token
from jwt_sessions.tokens.reasons import explain
from tests.forging import encode, forge
from tests.keypairs import PRIVATE_KEYS, new_pem, public_pem

proves = pytest.mark.proves


@pytest.fixture
def pair(alice):
    return sessions.start(alice)


def inspect(token):
    """Return the exit code and what is printed."""
    output = io.StringIO()
    try:
        call_command("inspecttoken", token, stdout=output)
    except SystemExit as error:
        return error.code, output.getvalue()
    return 0, output.getvalue()


def test_a_good_access_token_is_shown_with_its_key_and_its_session(pair, alice):
    code, said = inspect(pair.access)
    titles = [line for line in said.splitlines() if not line.startswith(" ")]
    assert titles == ["Header", "Payload", "Key", "Session", "Good: an access token."]
    assert code == 0
    assert "2026-11-23 12:05:00Z, in 5 minutes" in said
    assert '"at+jwt"' in said
    assert alice.get_username() in said


def test_a_good_refresh_token_is_known_as_one(pair):
    assert inspect(pair.refresh)[1].endswith("Good: a refresh token.\n")


def test_an_mfa_token_is_known_as_one():
    now = timezone.now()
    token = mint_mfa_token(uuid4(), now=now, expires_at=now + timezone.timedelta(minutes=5))
    assert inspect(token)[1].endswith("Good: an mfa_token.\n")


def test_a_token_is_read_from_standard_input(pair, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{pair.access}\n"))
    assert inspect("-")[0] == 0


def test_a_token_of_a_revoked_session_says_when_and_why_it_was_revoked(pair):
    sessions.revoke(pair.session.pk, reason=RevokedReason.SIGNED_OUT)
    code, said = inspect(pair.access)
    assert code == 1
    assert "Not good: session_revoked. Its session is revoked." in said
    assert "2026-11-23 12:00:00Z, signed_out" in said


def test_a_token_that_has_expired_says_when(pair, clock):
    clock.shift(3_600)
    said = inspect(pair.access)[1]
    assert "55 minutes ago" in said
    assert "Not good: expired. It has expired." in said


@pytest.mark.parametrize(
    ("bend", "expected"),
    [
        (lambda token: forge(token, claims={"sid": "x"}), "`sid` is missing or malformed"),
        (lambda token: forge(token, header={"kid": "x"}), "No key of ours has this `kid`"),
        (lambda token: f"{token[:-4]}AAAA", "The signature is not that of the key"),
        (lambda token: "not a token", "It is not three segments"),
        (lambda token: "", "It is not three segments"),
        (lambda token: f"{encode([1])}.{encode(7)}.AAAA", "no JSON object"),
        (lambda token: f"{encode({})}.{encode(b'[' * 9_000)}.AAAA", "longer than any token"),
    ],
)
def test_a_bad_token_is_shown_as_far_as_it_can_be_and_explained(pair, bend, expected):
    code, said = inspect(bend(pair.access))
    assert code == 1
    assert expected in said


def test_what_can_be_read_is_told_from_what_cannot(pair):
    assert inspect("not a token")[1].count("cannot be read") == 2
    assert "cannot be read" not in inspect(pair.access)[1]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.9, "0 seconds"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (3_600, "1 hour"),
        (86_399, "23 hours"),
        (86_400, "1 day"),
        (172_800, "2 days"),
    ],
)
def test_a_span_is_said_in_its_largest_unit(seconds, expected):
    assert span(seconds) == expected


def test_it_needs_no_key_to_show_a_token(pair, set_jwt):
    set_jwt(SIGNING_KEYS=[{"env": "JWT_KEY_THAT_IS_NOT_SET"}])
    code, said = inspect(pair.access)
    assert code == 1
    assert str(pair.session.pk) in said
    assert "It cannot be judged: SIGNING_KEYS[0]" in said


def test_another_issuers_token_is_judged_by_its_own_keys(pair, set_jwt):
    theirs = {"https://theirs.example": {"key": public_pem(PRIVATE_KEYS["ES256"])}}
    set_jwt(TRUSTED_ISSUERS=theirs)
    said = inspect(forge(pair.access, claims={"iss": "https://theirs.example"}))[1]
    assert "Not good: unknown_kid" in said


def test_a_key_that_is_retired_is_said_to_be(pair, set_jwt):
    set_jwt(SIGNING_KEYS=[{"key": new_pem()}], FALLBACK_KEYS=[{"secret_key": True}])
    said = inspect(pair.refresh)[1]
    assert "verify-only" in said
    assert said.endswith("Good: a refresh token.\n")


@proves("A3")
def test_a3_nothing_in_a_token_reaches_the_terminal_as_a_command(pair):
    said = inspect(forge(pair.access, claims={"\x1b[2J": "\x1b]0;owned\x07\u202e"}))[1]
    assert said.isascii()
    assert "\x1b" not in said
    assert "\x07" not in said


def reasons_in_the_code():
    """Every reason that is raised or returned where a token is judged."""
    package = Path(jwt_sessions.__file__).parent
    judges = ["claims.py", "revocation/judging.py", "sessions/verifying.py", "tokens/reading.py"]
    for path in [package / name for name in [*judges, "tokens/parsing.py"]]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ValueError":
                reason = node.args[0]
            elif isinstance(node, ast.Return | ast.Assign):
                reason = node.value
            else:
                continue
            if isinstance(reason, ast.Constant) and re.fullmatch("[a-z_]+", str(reason.value)):
                yield reason.value


def test_every_reason_of_the_code_is_explained():
    reasons = set(reasons_in_the_code())
    assert {"too_long", "crit", "session_revoked", "superseded", "expired"} <= reasons
    for reason in reasons | {RevokedReason.USER_DELETED, RevokedReason.PASSWORD_CHANGED}:
        assert explain(reason).endswith(".")


def test_what_is_no_text_is_said_to_be_none(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), "utf-8"))
    with pytest.raises(CommandError, match="no text"):
        call_command("inspecttoken")
