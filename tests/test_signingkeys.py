"""``manage.py signingkeys``: nobody who verifies a token notices a rotation."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files import locks
from django.core.management import CommandError, call_command

from jwt_sessions import sessions
from jwt_sessions.keys import get_keyring, rotation
from jwt_sessions.keys.rotation import generate, publication_time
from tests.forging import forge, header_of, reason, signing_key
from tests.keypairs import new_pem
from tests.serving import manage

proves = pytest.mark.proves

# JWKS_MAX_AGE, KEY_RELOAD_INTERVAL and LEEWAY twice.
PUBLISHED_FOR = timedelta(minutes=10, seconds=30)
# REFRESH_TOKEN_LIFETIME, LEEWAY twice and KEY_RELOAD_INTERVAL.
KEPT_FOR = timedelta(days=1, seconds=30)


@pytest.fixture
def directory(tmp_path, set_jwt):
    """A directory that SIGNING_KEYS names, and which does not exist yet."""
    path = tmp_path / "keys"
    set_jwt(SIGNING_KEYS=[{"directory": path}])
    return path


def run(*arguments):
    output = StringIO()
    call_command("signingkeys", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def files(directory):
    return sorted(path.name for path in directory.iterdir() if not path.name.startswith("."))


def states():
    """Return the state of each key, newest first, as `list` tells it."""
    return [line.split()[2] for line in run("list").splitlines()[1:]]


def test_the_first_key_signs_at_once(directory):
    assert "signs from 2026-11-23 12:00:00Z" in run("create")
    assert states() == ["signing"]
    assert signing_key().algorithm == "ES256"


def test_the_first_key_waits_for_no_full_second(directory, clock):
    clock.shift(0.5)
    run("create")
    assert states() == ["signing"]


def test_a_key_that_signs_at_once_takes_the_place_of_one_just_made(directory, clock):
    run("create")
    for _ in range(9):
        kid = run("rotate", "--now").split()[1]
    clock.shift(9)
    assert signing_key().kid == kid


@proves("K5")
def test_k5_the_directory_is_its_owners(directory):
    run("create")
    assert directory.stat().st_mode & 0o777 == 0o700


def test_whoever_has_not_set_it_up_is_told_what_to_set(tmp_path):
    path = tmp_path / "ours" / "keys"
    said = run("create", "--directory", str(path), "--algorithm", "EdDSA")
    assert f'SIGNING_KEYS to [{{"directory": "{path}"}}]' in said


@proves("K2")
def test_k2_a_rotated_key_is_published_first_then_signs_and_the_old_one_verifies(
    alice, directory, clock
):
    run("create")
    old = sessions.start(alice)
    run("rotate")
    assert states() == ["pending", "signing"]
    clock.shift(PUBLISHED_FOR - timedelta(seconds=1))
    assert header_of(sessions.start(alice).access)["kid"] == header_of(old.access)["kid"]
    clock.shift(timedelta(seconds=1))
    assert states() == ["signing", "verify-only"]
    assert header_of(sessions.start(alice).access)["kid"] != header_of(old.access)["kid"]
    sessions.verify(old.refresh)


@proves("K2")
def test_k2_a_rotated_key_is_published_for_longer_than_anybody_keeps_the_jwks(directory, set_jwt):
    set_jwt(SIGNING_KEYS=[{"directory": directory}], JWKS_MAX_AGE=timedelta(days=2))
    run("create")
    run("rotate")
    assert signing_key().ends_at - signing_key().signs_from > timedelta(days=2).total_seconds()


@proves("K2")
def test_k2_where_clocks_agree_a_key_is_published_for_a_second_more_than_it_must(set_jwt):
    second = timedelta(seconds=1)
    set_jwt(LEEWAY=0 * second, JWKS_MAX_AGE=second, KEY_RELOAD_INTERVAL=second)
    assert publication_time() == 3


@proves("K2")
def test_k2_after_its_last_token_the_old_key_is_refused_and_its_file_deleted(
    alice, directory, clock
):
    run("create")
    old = signing_key()
    access = sessions.start(alice).access
    run("rotate")
    clock.shift(PUBLISHED_FOR + KEPT_FOR - timedelta(seconds=1))
    assert run("retire") == "No key is due to be retired.\n"
    clock.shift(1)
    assert reason(forge(access, key=old)) == "retired_key"
    assert run("retire") == f"Retired {old.kid}.\n"
    assert len(files(directory)) == 1


def test_rotating_retires_what_is_due(directory, clock):
    run("create")
    old = signing_key().kid
    run("rotate")
    clock.shift(PUBLISHED_FOR + KEPT_FOR)
    assert f"Retired {old}." in run("rotate")
    assert states() == ["pending", "signing"]


def test_for_cron_a_young_key_is_left_alone(directory, clock):
    run("create")
    clock.shift(timedelta(days=90, seconds=-1))
    assert "younger than 90 days" in run("rotate", "--if-older-than", "90d")
    clock.shift(1)
    assert "Made" in run("rotate", "--if-older-than", "90d")


def test_rotating_twice_makes_one_key(directory):
    run("create")
    run("rotate")
    assert "is published and signs from" in run("rotate")
    assert len(files(directory)) == 2


def test_a_key_without_a_time_is_old(directory):
    directory.mkdir()
    (directory / "old.pem").write_text(new_pem())
    assert "Made" in run("rotate", "--if-older-than", "90d")


def test_another_algorithm_may_follow(alice, directory, clock):
    run("create")
    old = sessions.start(alice)
    run("rotate", "--algorithm", "EdDSA")
    clock.shift(PUBLISHED_FOR)
    new = sessions.refresh(old.refresh)
    assert header_of(new.access)["alg"] == "EdDSA"
    run("rotate")
    assert get_keyring().keys[0].algorithm == "EdDSA"


@pytest.mark.parametrize("command", ["create", "rotate", "retire"])
def test_a_dry_run_says_what_would_happen_and_does_nothing(directory, clock, command):
    run("create")
    run("rotate")
    clock.shift(PUBLISHED_FOR + KEPT_FOR)
    before = files(directory)
    assert "Would" in run(command, "--dry-run")
    assert files(directory) == before


def test_a_dry_run_makes_no_directory(directory):
    assert run("create", "--dry-run") == f"Would make {directory} and a key in it.\n"
    assert not directory.exists()


@proves("K3")
def test_k3_in_an_emergency_a_new_key_signs_at_once_and_the_old_one_is_gone(
    alice, directory, clock
):
    run("create")
    leaked = signing_key()
    access = sessions.start(alice).access
    run("rotate", "--now")
    run("retire", "--now", "--", leaked.kid[:10])
    clock.shift(10)
    assert reason(access) == "unknown_kid"
    sessions.verify(sessions.start(alice).access)


def test_a_key_that_is_needed_is_not_retired(directory):
    run("create")
    with pytest.raises(CommandError, match="it signs"):
        run("retire", "--", signing_key().kid)
    assert len(files(directory)) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["retire", "abc"], "at least 4 characters"),
        (["rotate", "--directory", ""], "no such path"),
        (["rotate", "--directory", "\0"], "no such path"),
        (["retire", "abcd"], "0 keys have an id"),
        (["rotate", "--if-older-than", "soon"], "no duration"),
        (["rotate", "--algorithm", "none"], "invalid choice"),
        (["rotate", "--algorithm", "HS256"], "mixed"),
        (["list", "--directory", "/there/is/no/such/directory"], "cannot be read"),
        (["rotate", "--directory", "/there/is/no/such/directory"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_said(directory, arguments, complaint):
    run("create")
    with pytest.raises(CommandError, match=complaint):
        run(*arguments)


def test_without_a_directory_there_is_nothing_to_rotate(set_jwt):
    set_jwt(SIGNING_KEYS=[{"key": new_pem()}])
    with pytest.raises(CommandError, match="SIGNING_KEYS names no directory"):
        run("rotate")


@proves("K5")
def test_k5_no_key_is_shown(directory):
    said = run("create") + run("rotate") + run("list") + run("list", "--directory", str(directory))
    for path in directory.iterdir():
        secret = "".join(path.read_text().splitlines()[1:-1])
        assert not any(secret[at : at + 12] in said for at in range(len(secret) - 12))


def test_bad_files_are_named(directory):
    run("create")
    (directory / "bad.pem").write_text("no key")
    assert "bad.pem" in run("list")
    assert "bad.pem" in run("rotate")


def test_a_list_says_what_there_is_to_know(directory, clock):
    run("create")
    clock.shift(timedelta(days=12))
    heading, row = run("list").splitlines()
    assert re.split(r"  +", heading) == [
        "kid",
        "algorithm",
        "state",
        "age",
        "signs from",
        "verifies until",
        "source",
    ]
    kid, algorithm, state, age, begin, end, source = re.split(r"  +", row)
    assert (kid, algorithm, state) == (signing_key().kid, "ES256", "signing")
    assert (age, begin, end) == ("12 days", "2026-11-23 12:00:00Z", "-")
    assert source.startswith(str(directory))


def test_a_list_goes_through_also_where_a_time_is_beyond_all_dates(directory):
    run("create")
    (directory / "99991231T235959Z.pem").write_text(new_pem())
    assert states() == ["pending", "signing"]


def test_a_directory_that_is_no_text_is_none(set_jwt):
    set_jwt(SIGNING_KEYS=[{"directory": None}])
    with pytest.raises(CommandError, match="SIGNING_KEYS names no directory"):
        run("rotate")


def test_a_key_that_does_not_sign_yet_has_no_age(directory):
    run("create")
    run("rotate")
    pending, signing = (re.split(r"  +", row) for row in run("list").splitlines()[1:])
    assert (pending[2:4], signing[2:4]) == (["pending", "-"], ["signing", "0 seconds"])


def test_two_hosts_that_rotate_at_once_make_one_key(directory):
    run("create")
    command = manage(
        "signingkeys",
        "rotate",
        "--directory",
        str(directory),
        environment=None,
    )
    hosts = [subprocess.Popen(**command, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [host.wait(timeout=60) for host in hosts] == [0] * 4
    assert len(files(directory)) == 2


def test_while_one_host_makes_a_key_no_other_may(directory, monkeypatch):
    run("create")

    def generate_and_look(algorithm):
        with (directory / ".lock").open("a") as file:
            assert not locks.lock(file, locks.LOCK_EX | locks.LOCK_NB)
        return generate(algorithm)

    monkeypatch.setattr(rotation, "generate", generate_and_look)
    assert "Made" in run("rotate")
