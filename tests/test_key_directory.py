"""A directory of key files: mounted by somebody, or kept by ``manage.py signingkeys``."""

from __future__ import annotations

import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jwt_sessions import sessions
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys import get_keyring
from jwt_sessions.keys.algorithms import ALGORITHMS
from jwt_sessions.keys.directory import read_directory
from jwt_sessions.keys.rotation import KeyDirectory
from tests.forging import signing_key
from tests.keypairs import PRIVATE_KEYS, new_pem, private_pem, public_pem

proves = pytest.mark.proves

NOW = 1_795_435_200  # 2026-11-23 12:00 UTC, where the clock of the tests stands


@pytest.fixture
def directory(tmp_path, set_jwt):
    """An empty directory that SIGNING_KEYS names."""
    set_jwt(SIGNING_KEYS=[{"directory": tmp_path}])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("20261123T120000Z.ES256.kPrK_qmx.pem", new_pem(), ("ES256", NOW)),
        ("20261123T120000Z.pem", new_pem(), ("ES256", NOW)),
        ("20261123T120000Z.PS384.pem", private_pem(PRIVATE_KEYS["RS256"]), ("PS384", NOW)),
        ("old.pem", private_pem(PRIVATE_KEYS["EdDSA"]), ("EdDSA", None)),
        ("old.Ed25519.pem", private_pem(PRIVATE_KEYS["EdDSA"]), ("Ed25519", None)),
        ("other.pem", public_pem(PRIVATE_KEYS["RS256"]), ("RS256", None)),
        ("20261123T120000Z.HS384.secret", "s" * 48 + "\n", ("HS384", NOW)),
        (
            "one.jwk",
            json.dumps(ALGORITHMS["ES256"].to_jwk(PRIVATE_KEYS["ES256"], as_dict=True)),
            ("ES256", None),
        ),
    ],
    ids=lambda value: value if str(value).endswith((".pem", ".jwk", ".secret")) else "",
)
def test_a_file_is_named_for_when_its_key_signs_and_how(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    (key,) = read_directory(tmp_path).keys
    assert (key.algorithm, key.signs_from) == expected
    assert key.origin == str(tmp_path / name)


def test_of_files_without_times_the_highest_name_signs(directory):
    for name in ("2025", "2026", "2024"):
        (directory / f"{name}.pem").write_text(new_pem())
    assert signing_key().origin.endswith("2026.pem")


def test_what_is_no_key_file_is_left_alone(directory):
    (directory / "one.pem").write_text(new_pem())
    (directory / "..2026_11_23").mkdir()
    for name in ("README.md", ".hidden.pem", "one.pem.bak", ".lock"):
        (directory / name).write_text("no key")
    found = read_directory(directory)
    assert (len(found.keys), found.complaints) == (1, [])


def test_a_secret_that_kubernetes_mounts_is_read_through_its_links(directory):
    for name in ("..2026_11_22", "..2026_11_23"):
        (directory / name).mkdir()
        (directory / name / "one.pem").write_text(new_pem())
    (directory / "..data").symlink_to("..2026_11_22")
    (directory / "one.pem").symlink_to("..data/one.pem")
    before = read_directory(directory).keys[0].kid
    (directory / "..data_tmp").symlink_to("..2026_11_23")
    (directory / "..data_tmp").rename(directory / "..data")
    assert read_directory(directory).keys[0].kid != before


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("bad.pem", "-----BEGIN PRIVATE KEY-----", "no known kind of key"),
        ("half.pem", new_pem()[:150], "no known kind of key"),
        ("bad.ES384.pem", new_pem(), "it is no ES384 key"),
        ("short.secret", "short", "5 bytes, HS256 needs at least 32"),
        ("20261399T120000Z.pem", new_pem(), "no such time"),
        ("set.jwk", '{"keys": []}', "there are 0 keys in it"),
        ("zero.pem", "", "0 bytes"),
    ],
    ids=["no key", "half", "another curve", "short", "no time", "no keys", "empty"],
)
def test_a_bad_file_is_passed_over_and_named(directory, caplog, name, text, complaint):
    (directory / "good.pem").write_text(new_pem())
    (directory / name).write_text(text)
    assert signing_key().origin.endswith("good.pem")
    assert name in caplog.text
    found = read_directory(directory)
    with pytest.raises(BadKey, match=complaint):
        raise found.complaints[0]


def test_a_file_that_nobody_may_read_is_named(directory):
    (directory / "loop.pem").symlink_to("loop.pem")
    (complaint,) = read_directory(directory).complaints
    assert "cannot be read" in str(complaint)


def test_a_key_whose_file_cannot_be_read_for_a_moment_goes_on(directory, clock):
    path = directory / "1.pem"
    path.write_text(new_pem())
    before = signing_key()
    path.unlink()
    path.symlink_to(path.name)  # ELOOP, whoever asks; no right to it would not stop root
    clock.shift(10)
    assert signing_key() is before


def test_a_key_whose_link_leads_to_nothing_is_gone(directory, clock):
    (directory / "1.pem").write_text(new_pem())
    kept = signing_key().kid
    (directory / "2.pem").write_text(new_pem())
    clock.shift(10)
    (directory / "2.pem").unlink()
    (directory / "2.pem").symlink_to("nothing")
    clock.shift(10)
    assert [key.kid for key in get_keyring().keys] == [kept]


def test_a_changed_directory_is_noticed_within_the_interval(alice, directory, clock):
    (directory / "1.pem").write_text(new_pem())
    pair = sessions.start(alice)
    (directory / "2.pem").write_text(new_pem())
    clock.shift(10)
    assert signing_key().origin.endswith("2.pem")
    sessions.verify(pair.access)


@proves("P8")
def test_p8_a_directory_that_is_away_changes_nothing_and_is_an_error(directory, clock, caplog):
    (directory / "1.pem").write_text(new_pem())
    before = signing_key()
    directory.rename(directory.with_name("away"))
    clock.shift(10)
    assert signing_key() is before
    assert "cannot be read" in caplog.text


@proves("K3")
def test_k3_an_emptied_directory_ends_all_tokens(directory, clock):
    path = directory / "1.pem"
    path.write_text(new_pem())
    get_keyring()
    path.unlink()
    clock.shift(10)
    with pytest.raises(BadKey, match="there is no key"):
        get_keyring()


@proves("K3")
def test_k3_a_removed_key_is_gone_also_where_the_others_do_not_fit(directory, clock):
    for name in ("1.pem", "2.pem"):
        (directory / name).write_text(new_pem())
    removed = signing_key()
    (directory / "2.pem").unlink()
    (directory / "3.secret").write_text("s" * 32)
    clock.shift(10)
    assert signing_key().origin.endswith("1.pem")
    assert get_keyring().find(removed.kid) is None


@proves("K5")
def test_k5_only_the_owner_may_read_what_is_written(tmp_path):
    key = KeyDirectory(tmp_path, now=NOW).create("ES256", signs_from=NOW)
    (path,) = tmp_path.iterdir()
    assert path.name == f"20261123T120000Z.ES256.{key.kid[:8]}.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_written_is_read_again(tmp_path, algorithm):
    made = KeyDirectory(tmp_path, now=NOW).create(algorithm, signs_from=NOW)
    (key,) = read_directory(tmp_path).keys
    assert (key.kid, key.algorithm, key.signs_from) == (made.kid, algorithm, NOW)


def test_of_several_keys_that_wait_the_first_to_sign_is_the_next(tmp_path):
    waiting = KeyDirectory(tmp_path, now=NOW)
    for later in (3, 1, 2):
        waiting.create("ES256", signs_from=NOW + later)
    assert KeyDirectory(tmp_path, now=NOW).pending_key.signs_from == NOW + 1


def test_a_key_that_cannot_stand_beside_the_others_is_not_written(tmp_path):
    (tmp_path / "1.pem").write_text(new_pem())
    with pytest.raises(BadKey, match="mixed"):
        KeyDirectory(tmp_path, now=NOW).create("HS256", signs_from=NOW)
    assert len(list(tmp_path.iterdir())) == 1


def test_for_what_is_no_algorithm_no_key_is_made(tmp_path):
    with pytest.raises(BadKey, match="there is no algorithm 'none'"):
        KeyDirectory(tmp_path, now=NOW).create("none", signs_from=NOW)
    assert not list(tmp_path.iterdir())


def test_keys_are_parsed_once_however_often_the_directory_is_read(directory, monkeypatch, clock):
    (directory / "1.pem").write_text(new_pem())
    before = get_keyring()

    def parsed_again(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr("jwt_sessions.keys.material.load_pem_private_key", parsed_again)
    clock.shift(3_600)
    assert get_keyring() is before


def test_curves_without_an_algorithm_are_refused(tmp_path):
    (tmp_path / "1.pem").write_text(private_pem(ec.generate_private_key(ec.SECP224R1())))
    (complaint,) = read_directory(tmp_path).complaints
    assert "algorithm" in str(complaint)
