"""Sources that answer late, wrongly or not at all, and what is no key and looks like one."""

from __future__ import annotations

import base64
import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock

import pytest

from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys import get_issuer_keyring, get_keyring
from jwt_sessions.keys.algorithms import ALGORITHMS
from jwt_sessions.keys.directory import read_directory
from jwt_sessions.keys.loading import (
    FAILURE_INTERVAL,
    KeyringLoader,
    _own_loader,
    find_own_keys,
)
from tests.checking import problems
from tests.forging import signing_key
from tests.keypairs import PRIVATE_KEYS, new_pem, public_pem

proves = pytest.mark.proves


@pytest.fixture
def directory(tmp_path, set_jwt):
    """An empty directory that SIGNING_KEYS names."""
    set_jwt(SIGNING_KEYS=[{"directory": tmp_path}])
    return tmp_path


class NoticedLock:
    """A lock that tells when somebody comes to it who has to wait."""

    def __init__(self):
        self.lock, self.somebody_waits = Lock(), Event()

    def acquire(self, *, blocking):
        if self.lock.locked():
            self.somebody_waits.set()
        return self.lock.acquire(blocking=blocking)

    def release(self):
        self.lock.release()


@proves("P8")
@pytest.mark.parametrize("answer", [new_pem, lambda: 1 / 0], ids=["keys", "failure"])
def test_p8_who_has_waited_for_a_slow_source_does_not_ask_it_again(clock, set_jwt, answer):
    calls, is_asked = [], Event()

    def source():
        calls.append(1)
        is_asked.set()
        assert loader._lock.somebody_waits.wait(60)
        clock.shift(3_600)
        return answer()

    set_jwt(SIGNING_KEYS=[{"callable": source}])
    loader = KeyringLoader(find_own_keys)
    loader._lock = NoticedLock()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(loader.get)
        assert is_asked.wait(60)
        second = pool.submit(loader.get)
        assert type(first.exception(60)) is type(second.exception(60))
    assert len(calls) == 1


@proves("P8")
def test_p8_a_source_that_takes_long_to_fail_is_not_asked_by_every_request(clock, set_jwt):
    calls = []

    def source():
        calls.append(1)
        clock.shift(3)
        raise OSError

    set_jwt(SIGNING_KEYS=[{"callable": source}])
    for number in (1, 1, 2):
        with pytest.raises(BadKey):
            get_keyring()
        assert len(calls) == number
        clock.shift(FAILURE_INTERVAL / 2)


@proves("K3")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_k3_a_process_forked_off_while_keys_are_read_reads_them_too(set_jwt, directory):
    (directory / "1.pem").write_text(new_pem())
    get_keyring()
    with _own_loader()._lock:
        child = os.fork()
        if not child:
            # Whatever happens, the child is not to go on with the tests.
            has_read = False
            try:
                (directory / "2.pem").write_text(new_pem())
                has_read = signing_key().origin.endswith("2.pem")
            finally:
                os._exit(0 if has_read else 1)
    assert os.waitpid(child, 0)[1] == 0


@proves("K2")
def test_k2_a_key_whose_successor_is_taken_back_does_not_end(directory, clock):
    (directory / "20261101T000000Z.pem").write_text(new_pem())
    successor = directory / "20261123T110000Z.pem"
    successor.write_text(new_pem())
    get_keyring()
    successor.unlink()
    # What does not fit beside it keeps the directory from being read as a whole.
    (directory / "misplaced.secret").write_text("s" * 32)
    clock.shift(10)
    assert signing_key().ends_at is None


def keys_one_by_one():
    yield new_pem()
    raise ConnectionError


def keys_of_keys():
    return {"callable": keys_of_keys}


class AwaySigner:
    algorithm = "ES256"

    @property
    def public_key(self):
        raise ConnectionError


@proves("P8", "P11")
@pytest.mark.parametrize(
    "source",
    [
        *({word: None} for word in ("env", "file", "directory", "callable", "signer")),
        {"env": 7},
        {"directory": "a\0b"},
        {"callable": ".name"},
        {"callable": keys_one_by_one},
        {"callable": keys_of_keys},
        {"signer": []},
        {"signer": AwaySigner},
        {"key": "\udcff" * 32},
        {"key": '{"a":' * 20_000},
        {"key": new_pem(), "kid": "x" * 256},
        {1: "of", "two": "kinds"},
    ],
    ids=lambda source: "-".join(f"{word} {str(value)[:9]}" for word, value in source.items()),
)
@pytest.mark.parametrize("setting", ["SIGNING_KEYS", "FALLBACK_KEYS"])
def test_p8_whatever_a_source_does_is_an_outage_and_a_complaint(set_jwt, client, setting, source):
    set_jwt(**{setting: [source]})
    assert problems()["jwt_sessions.E005"].hint
    if setting == "SIGNING_KEYS":
        assert client.get("/.well-known/jwks.json").status_code == 503


@proves("P11")
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"ISSUER": ["https://issuer.example"]}, "E003"),
        ({"JTI_CLAIM": ["jti"]}, "E003"),
        ({"TOKEN_TYPE_CLAIM": {}}, "E003"),
        ({"EXTRA_CLAIMS": "..name"}, "E020"),
        ({"SIGNING_KEY": '{"keys": []}'}, "E005"),
        (
            {"SIGNING_KEY": new_pem(), "ALGORITHM": "ES256", "VERIFYING_KEY": '{"keys": []}'},
            "E005",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_p11_whatever_a_setting_is_the_checks_go_through(set_jwt, values, problem):
    set_jwt(**values)
    assert f"jwt_sessions.{problem}" in problems()


@proves("K5")
@pytest.mark.parametrize(
    "key",
    [new_pem(), secrets.token_urlsafe(48), secrets.token_hex(32)],
    ids=["PEM", "base64", "hex"],
)
@pytest.mark.parametrize(
    ("word", "others"),
    [
        *((word, {}) for word in ("env", "file", "directory", "callable", "signer", "vault")),
        ("algorithm", {"key": new_pem()}),
        ("signs_from", {"key": new_pem()}),
    ],
)
def test_k5_a_key_in_the_wrong_place_is_not_quoted(set_jwt, caplog, word, others, key):
    set_jwt(SIGNING_KEYS=[{word: key, **others}])
    with pytest.raises(BadKey) as error:
        get_keyring()
    assert key.splitlines()[-1][8:40] not in f"{error.value} {problems()} {caplog.text}"
    assert key.splitlines()[0][8:40] not in f"{error.value} {problems()} {caplog.text}"


@proves("S5")
@pytest.mark.parametrize("algorithm", PRIVATE_KEYS)
def test_s5_a_public_key_is_no_secret_however_it_is_written(set_jwt, algorithm):
    pem = public_pem(PRIVATE_KEYS[algorithm])
    lines = "".join(pem.splitlines()[1:-1])
    jwk = ALGORITHMS[algorithm].to_jwk(PRIVATE_KEYS[algorithm].public_key())
    for text in (
        lines,
        "\n".join(pem.splitlines()[1:-1]),
        lines.rstrip("=").replace("+", "-").replace("/", "_"),
        base64.b64decode(lines),
        base64.b64decode(lines).hex(),
        base64.b64encode(pem.encode()),
        pem.encode("utf-16"),
        f"\ufeff{jwk}",
        json.dumps(jwk),
        f"[{jwk}]",
    ):
        set_jwt(SIGNING_KEYS=[{"key": text}])
        with suppress(BadKey):
            assert not any(key.can_sign for key in get_keyring().keys), text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (new_pem() + new_pem(), "several keys"),
        ("/run/secrets/production/jwt-signing-key.pem", "name of a file"),
        (" " * 40, "nothing but blanks"),
        ('{"kty": "oct", "k": "%s", "kid": 7}' % ("A" * 43), "kid is no text"),
        ('{"kty": "oct", "k": "%s", "use": "enc"}' % ("A" * 43), "another than signatures"),
    ],
    ids=["two keys", "a path", "blanks", "a number for a kid", "a key for secrecy"],
)
def test_what_is_not_one_key_for_signatures_is_refused(set_jwt, text, complaint):
    set_jwt(SIGNING_KEYS=[{"key": text}])
    with pytest.raises(BadKey, match=complaint):
        get_keyring()


def test_an_empty_fallback_of_secret_key_is_refused(settings):
    settings.SECRET_KEY_FALLBACKS = [""]
    assert "empty" in problems()["jwt_sessions.E005"].msg


def test_of_a_set_only_the_public_keys_of_known_kinds_are_read(set_jwt):
    known = json.loads(ALGORITHMS["ES256"].to_jwk(PRIVATE_KEYS["ES256"].public_key()))
    others = [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": ""},
        {"kty": "OKP", "crv": "X25519", "x": known["x"]},
        {**known, "alg": "ECDH-ES"},
        {**known, "use": "enc"},
    ]
    theirs = {"key": json.dumps({"keys": [*others, known]})}
    set_jwt(TRUSTED_ISSUERS={"https://theirs.example": theirs})
    assert len(get_issuer_keyring("https://theirs.example").keys) == 1


def test_a_pipe_among_the_files_keeps_nobody_waiting(directory):
    (directory / "1.pem").write_text(new_pem())
    os.mkfifo(directory / "2.pem")
    assert signing_key().origin.endswith("1.pem")
    assert "2.pem is no file" in str(read_directory(directory).complaints)


def test_a_file_is_read_whole_or_not_at_all(directory):
    (directory / "1.secret").write_text("s" * 65_537)
    assert "too large" in str(read_directory(directory).complaints)


def test_a_byte_order_mark_is_no_part_of_a_secret(directory):
    (directory / "1.secret").write_text("s" * 32)
    (directory / "2.secret").write_text("s" * 32, encoding="utf-8-sig")
    first, second = read_directory(directory).keys
    assert first.kid == second.kid
