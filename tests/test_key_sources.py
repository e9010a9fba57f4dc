"""What SIGNING_KEYS and its like may name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.exceptions import BadKey, InvalidToken
from jwt_sessions.keys import get_issuer_keyring, get_keyring
from jwt_sessions.keys.algorithms import ALGORITHMS
from jwt_sessions.keys.rotation import generate
from jwt_sessions.tokens import parse_access_token, parse_issuer_token
from tests.forging import forge, header_of, signing_key
from tests.keypairs import PRIVATE_KEYS, new_pem, private_pem, public_jwk, public_pem

proves = pytest.mark.proves

SECRET = "a secret of at least sixty-four bytes, which is what HS512 asks for, and more"
ES256 = private_pem(PRIVATE_KEYS["ES256"])
PS256_JWK = json.dumps({**public_jwk(PRIVATE_KEYS["RS256"]), "alg": "PS256"})

# What a callable of a project's own may return; a test sets it.
KEYS_ELSEWHERE = []


def keys_elsewhere():
    return KEYS_ELSEWHERE


@pytest.fixture
def elsewhere():
    yield KEYS_ELSEWHERE
    KEYS_ELSEWHERE.clear()


@pytest.fixture
def set_keys(set_jwt):
    return lambda *sources: set_jwt(SIGNING_KEYS=list(sources))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_signs_and_verifies(alice, set_keys, algorithm):
    set_keys({"key": generate(algorithm), "algorithm": algorithm})
    pair = sessions.start(alice)
    assert header_of(pair.access)["alg"] == algorithm
    sessions.verify(pair.access)
    sessions.verify(pair.refresh)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_says_itself_which_algorithm_is_usual(set_keys, algorithm):
    usual = {"HS": "HS256", "RS": "RS256", "PS": "RS256", "Ed": "EdDSA"}
    set_keys({"key": generate(algorithm)})
    assert signing_key().algorithm == usual.get(algorithm[:2], algorithm)


def test_a_source_may_name_another_algorithm_that_fits(set_keys):
    set_keys({"key": private_pem(PRIVATE_KEYS["RS256"]), "algorithm": "PS512"})
    assert signing_key().algorithm == "PS512"


def test_a_source_says_which_algorithm_a_jwk_is_for_that_does_not(set_keys):
    jwk = ALGORITHMS["RS256"].to_jwk(PRIVATE_KEYS["RS256"])
    set_keys({"key": jwk, "algorithm": "PS512"})
    assert signing_key().algorithm == "PS512"


def test_one_source_needs_no_list(set_jwt):
    set_jwt(SIGNING_KEYS={"key": ES256})
    assert signing_key().algorithm == "ES256"


@pytest.mark.parametrize(
    "spell", [str, lambda pem: pem.replace("\n", "\\n")], ids=["lines", "one line"]
)
def test_a_key_comes_from_the_environment(monkeypatch, set_keys, spell):
    monkeypatch.setenv("JWT_KEY", spell(ES256))
    set_keys({"env": "JWT_KEY"})
    assert (signing_key().algorithm, signing_key().origin) == ("ES256", "env JWT_KEY")


def test_a_secret_from_the_environment_is_taken_as_it_is(monkeypatch, set_keys):
    secret = r"thirty-two bytes and \n that means itself"
    monkeypatch.setenv("JWT_KEY", f" {secret}\n")  # but for the blanks around it
    set_keys({"env": "JWT_KEY"})
    from_environment = signing_key().kid
    set_keys({"key": secret})
    assert signing_key().kid == from_environment


def test_a_key_comes_from_a_file(tmp_path, set_keys):
    (tmp_path / "key").write_text(f"{SECRET}\n")
    set_keys({"file": tmp_path / "key", "algorithm": "HS512"})
    from_file = signing_key().kid
    set_keys({"key": SECRET, "algorithm": "HS512"})
    assert signing_key().kid == from_file


@pytest.mark.parametrize(
    "answer",
    [ES256, {"key": ES256}, [ES256], [{"key": ES256, "signs_from": "2020-01-01T00:00:00Z"}]],
    ids=["text", "source", "texts", "sources"],
)
def test_keys_come_from_a_callable(set_keys, answer):
    set_keys({"callable": lambda: answer})
    assert signing_key().algorithm == "ES256"


def test_a_callable_may_be_a_dotted_path(set_keys, elsewhere):
    elsewhere.append(ES256)
    set_keys({"callable": "tests.test_key_sources.keys_elsewhere"})
    assert signing_key().origin == "settings"


def test_a_jwk_names_itself_and_its_algorithm(set_keys):
    jwk = json.loads(ALGORITHMS["RS256"].to_jwk(PRIVATE_KEYS["RS256"]))
    set_keys({"key": json.dumps({**jwk, "kid": "mine", "alg": "PS256"})})
    assert (signing_key().kid, signing_key().algorithm) == ("mine", "PS256")


def test_a_source_may_name_its_key(set_keys):
    set_keys({"key": ES256, "kid": "mine"})
    assert signing_key().kid == "mine"


@proves("K2")
@pytest.mark.parametrize(
    "signs_from", ["2026-11-23T13:00:00+01:00", datetime(2026, 11, 23, 12, tzinfo=UTC)]
)
def test_k2_a_source_says_from_when_on_its_key_signs(set_keys, clock, signs_from):
    set_keys({"key": new_pem(), "signs_from": signs_from}, {"key": new_pem()})
    new, _ = get_keyring().keys
    assert signing_key() is new
    clock.shift(timedelta(seconds=-1))
    assert signing_key() is not new


@proves("P11")
@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("a text", "it is no dict"),
        ({}, "exactly one of"),
        ({"env": "A", "file": "b"}, "exactly one of"),
        ({"vault": "A"}, "exactly one of"),
        ({"key": 7}, "text or bytes"),
        ({"secret_key": "a secret key"}, "write True"),
        ({"key": ES256, "kid": 7}, "kid is no text"),
        ({"key": ES256, "kid": ""}, "kid is no text"),
        ({"key": PS256_JWK, "algorithm": "RS256"}, "says itself that it is no RS256 key"),
        ({"key": ES256, "algorithm": None}, "algorithm is no text"),
        ({"key": ES256, "algorithm": "none"}, "the algorithm is 'none'"),
        ({"key": ES256, "algorithm": "ES384"}, "it is no ES384 key"),
        ({"key": ES256, "algorithm": "HS256"}, "it is no HS256 key"),
        ({"key": SECRET, "algorithm": "ES256"}, "it is no ES256 key"),
        ({"key": "x" * 31}, "31 bytes, HS256 needs at least 32"),
        ({"key": '{"kty": "new"}'}, "no known kind of key"),
        ({"key": '{"kty": "oct", "k": ""}'}, "no known kind of key"),
        ({"key": "{"}, "no known kind of key"),
        ({"key": '{"keys": 7}'}, "no known kind of key"),
        ({"key": "-----BEGIN PRIVATE KEY-----"}, "no known kind of key"),
        ({"key": ES256, "signs_from": "soon"}, "no time"),
        ({"key": ES256, "signs_from": "2026-11-23T12:00:00"}, "not a moment with its time zone"),
        ({"key": ES256, "signs_from": 7}, "not a moment with its time zone"),
        ({"env": "JWT_KEY_THAT_IS_NOT_SET"}, "is not set"),
        ({"file": "/there/is/no/such/file"}, "cannot be read"),
        ({"directory": "/there/is/no/such/directory"}, "cannot be read"),
        ({"callable": "nowhere.to_be_found"}, "cannot be imported"),
        ({"callable": lambda: 1 / 0}, "failed: ZeroDivisionError"),
        ({"callable": lambda: 7}, "returned no keys"),
        ({"callable": lambda: [7]}, "it is no dict"),
        ({"signer": object()}, "a signer has"),
        ({"signer": "nowhere.to_be_found"}, "cannot be imported"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_p11_a_source_that_cannot_serve_says_why(set_keys, source, complaint):
    set_keys(source)
    with pytest.raises(BadKey, match=complaint) as error:
        get_keyring()
    assert "SIGNING_KEYS[0]" in str(error.value)
    assert SECRET not in str(error.value)


def test_no_source_at_all_is_no_wish_for_a_derived_key(set_keys):
    set_keys()
    with pytest.raises(BadKey, match="there is no key"):
        get_keyring()


@proves("P13")
def test_p13_fallback_keys_keep_people_signed_in_when_the_algorithm_changes(alice, set_jwt):
    before = sessions.start(alice)
    set_jwt(SIGNING_KEYS=[{"key": ES256}], FALLBACK_KEYS=[{"secret_key": True}])
    after = sessions.refresh(before.refresh)
    assert header_of(after.access)["alg"] == header_of(after.refresh)["alg"] == "ES256"
    sessions.verify(after.access)
    sessions.verify(after.refresh)
    sessions.verify(forge(after.refresh))  # whose header is spelled in another way


@proves("P13")
def test_p13_processes_that_are_not_deployed_anew_yet_know_the_next_keys_as_fallbacks(
    alice, set_jwt
):
    set_jwt(SIGNING_KEYS=[{"key": ES256}], FALLBACK_KEYS=[{"secret_key": True}])
    of_a_new_process = sessions.start(alice)
    set_jwt(SIGNING_KEYS=None, FALLBACK_KEYS=[{"key": ES256}])
    sessions.verify(sessions.refresh(of_a_new_process.refresh).access)


@proves("S5")
def test_s5_fallback_keys_verify_no_access_token(alice, set_jwt):
    before = sessions.start(alice)
    set_jwt(SIGNING_KEYS=[{"key": ES256}], FALLBACK_KEYS=[{"secret_key": True}])
    with pytest.raises(InvalidToken, match="unknown_kid"):
        parse_access_token(before.access)


@proves("C4", "S4")
def test_c4_keys_of_two_issuers_are_kept_apart_even_under_one_kid(alice, set_jwt):
    theirs = PRIVATE_KEYS["EdDSA"]
    set_jwt(
        SIGNING_KEYS=[{"key": ES256, "kid": "one"}],
        TRUSTED_ISSUERS={"https://theirs.example": {"key": public_pem(theirs), "kid": "one"}},
    )
    ours = sessions.start(alice).access
    claims = jwt.decode(ours, options={"verify_signature": False})
    headers = {"typ": "at+jwt", "kid": "one"}
    claims["iss"] = "https://theirs.example"
    token = jwt.encode(claims, theirs, "EdDSA", headers=headers)
    assert parse_issuer_token(token, issuer="https://theirs.example")["sub"] == str(alice.pk)
    with pytest.raises(InvalidToken, match="wrong_alg"):
        parse_access_token(token)
    with pytest.raises(InvalidToken, match="wrong_alg"):
        parse_issuer_token(ours, issuer="https://theirs.example")
    claims["iss"] = "https://issuer.example"
    token = jwt.encode(claims, theirs, "EdDSA", headers=headers)
    with pytest.raises(InvalidToken, match="wrong_issuer"):
        parse_issuer_token(token, issuer="https://theirs.example")


def test_another_issuers_token_must_be_meant_for_us(alice, set_jwt):
    theirs = PRIVATE_KEYS["ES256"]
    set_jwt(TRUSTED_ISSUERS={"https://theirs.example": {"key": public_pem(theirs), "kid": "one"}})
    now = int(timezone.now().timestamp())
    claims = {"iss": "https://theirs.example", "aud": "me", "sub": "7", "jti": "1"}
    claims |= {"iat": now, "exp": now + 3_600}
    token = jwt.encode(claims, theirs, "ES256", headers={"typ": "at+jwt", "kid": "one"})
    assert parse_issuer_token(token, issuer="https://theirs.example", audience="me") == claims
    with pytest.raises(InvalidToken, match="wrong_audience"):
        parse_issuer_token(token, issuer="https://theirs.example")


def test_who_is_no_trusted_issuer_has_no_keys():
    with pytest.raises(BadKey, match="none of TRUSTED_ISSUERS"):
        get_issuer_keyring("https://nobody.example")


@pytest.mark.parametrize("key", [ES256, SECRET], ids=["private", "secret"])
def test_of_another_issuer_we_keep_public_keys_only(set_jwt, key):
    set_jwt(TRUSTED_ISSUERS={"https://theirs.example": {"key": key}})
    with pytest.raises(BadKey, match="must be a public one"):
        get_issuer_keyring("https://theirs.example")
