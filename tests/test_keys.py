"""Where keys come from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwt_sessions import sessions
from jwt_sessions.exceptions import BadKey, InvalidToken
from jwt_sessions.keys import get_keyring
from jwt_sessions.keys.material import parse_keys
from tests.forging import signing_key
from tests.keypairs import PRIVATE_KEYS, oct_jwk, private_pem, public_bytes, public_pem

proves = pytest.mark.proves

SECRET = "a secret of at least sixty-four bytes, which is what HS512 asks for, and more"


@proves("S9")
def test_s9_the_default_key_is_derived_and_never_secret_key_itself(settings, alice):
    token = sessions.start(alice).access
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, settings.SECRET_KEY, ["HS256"], options={"verify_aud": False})


def test_a_key_is_named_by_its_rfc_7638_thumbprint(set_jwt):
    set_jwt(SIGNING_KEY=SECRET)
    k = base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()
    canonical = json.dumps({"k": k, "kty": "oct"}, separators=(",", ":")).encode()
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=")
    assert signing_key().kid == thumbprint.decode()


@proves("P13")
def test_p13_the_derived_key_is_the_same_in_every_release(settings):
    settings.SECRET_KEY = "a SECRET_KEY that stays the same for this test for ever"
    assert signing_key().kid == "9SWNVYTQ7qCmqGvX9BuxFhDl4evitf59UFX18mW7_1s"


def test_fallbacks_of_secret_key_verify_and_do_not_sign(settings):
    old = signing_key()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key that is long enough to please the checks"
    ring = get_keyring()
    assert signing_key().kid != old.kid
    assert ring.find(old.kid) == old


def test_a_secret_key_may_be_bytes(settings):
    as_text = signing_key().kid
    settings.SECRET_KEY = settings.SECRET_KEY.encode()
    assert signing_key().kid == as_text


@pytest.mark.parametrize("algorithm", PRIVATE_KEYS)
def test_a_private_key_signs_and_a_stock_library_verifies(alice, set_jwt, algorithm):
    key = PRIVATE_KEYS[algorithm]
    set_jwt(ALGORITHM=algorithm, SIGNING_KEY=private_pem(key))
    pair = sessions.start(alice)
    claims = jwt.decode(
        pair.access, public_pem(key), [algorithm], audience="https://issuer.example"
    )
    assert claims["sid"] == str(pair.session.pk)
    sessions.verify(pair.access)
    sessions.verify(pair.refresh)


@proves("S5")
@pytest.mark.parametrize("algorithm", PRIVATE_KEYS)
def test_s5_a_public_key_never_works_as_a_secret(alice, set_jwt, algorithm):
    key = PRIVATE_KEYS[algorithm]
    set_jwt(ALGORITHM=algorithm, SIGNING_KEY=private_pem(key))
    pair = sessions.start(alice)
    _, payload, _ = pair.access.split(".")
    header = {"alg": "HS256", "kid": signing_key().kid, "typ": "at+jwt"}
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    message = f"{encoded}.{payload}"
    mac = hmac.digest(public_pem(key).encode(), message.encode(), "sha256")
    forged = f"{message}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(InvalidToken, match="wrong_alg"):
        sessions.verify(forged)


@proves("S9")
@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"SIGNING_KEY": "x" * 31}, "31 bytes, HS256 needs at least 32"),
        ({"SIGNING_KEY": "x" * 47, "ALGORITHM": "HS384"}, "47 bytes, HS384 needs at least 48"),
        ({"SIGNING_KEY": "x" * 63, "ALGORITHM": "HS512"}, "63 bytes, HS512 needs at least 64"),
        ({"SIGNING_KEY": SECRET, "ALGORITHM": "none"}, "known are"),
        ({"SIGNING_KEY": SECRET, "ALGORITHM": "hs256"}, "known are"),
        ({"SIGNING_KEY": SECRET, "ALGORITHM": "ES521"}, "known are"),
        ({"SIGNING_KEY": bytearray(64)}, "neither text nor bytes"),
        ({"SIGNING_KEY": [SECRET]}, "neither text nor bytes"),
        (
            {
                "SIGNING_KEY": private_pem(PRIVATE_KEYS["RS256"]),
                "VERIFYING_KEY": private_pem(PRIVATE_KEYS["RS256"]),
                "ALGORITHM": "RS256",
            },
            "is not the public key",
        ),
        ({"SIGNING_KEY": SECRET, "ALGORITHM": "RS256"}, "no RS256 key"),
        ({"SIGNING_KEY": public_pem(PRIVATE_KEYS["RS256"])}, "no HS256 key"),
        (
            {"SIGNING_KEY": public_pem(PRIVATE_KEYS["RS256"]), "ALGORITHM": "RS256"},
            "not one key that can sign",
        ),
        (
            {"SIGNING_KEY": json.dumps({"keys": 2 * [json.loads(oct_jwk(b"x" * 32))]})},
            "not one key that can sign",
        ),
        (
            {"SIGNING_KEY": private_pem(PRIVATE_KEYS["ES256"]), "ALGORITHM": "EdDSA"},
            "no EdDSA key",
        ),
        (
            {
                "SIGNING_KEY": private_pem(rsa.generate_private_key(65537, 1024)),
                "ALGORITHM": "RS256",
            },
            "1024 bits, RS256 needs at least 2048",
        ),
        (
            {
                "SIGNING_KEY": private_pem(PRIVATE_KEYS["ES256"]),
                "VERIFYING_KEY": public_pem(ec.generate_private_key(ec.SECP256R1())),
                "ALGORITHM": "ES256",
            },
            "not the public key that belongs to",
        ),
    ],
)
def test_a_key_that_cannot_serve_is_refused_without_being_quoted(set_jwt, values, complaint):
    set_jwt(**values)
    with pytest.raises(BadKey, match=complaint) as error:
        get_keyring()
    assert str(values["SIGNING_KEY"]) not in str(error.value)


@pytest.mark.parametrize(
    "secret",
    ["0f" * 32, "A" * 64, "_-" * 32, "öäü" * 22, "!" * 64, b"\0" * 64, bytes(range(192, 256))],
    ids=range(7),
)
def test_any_secret_serves_that_is_long_enough_and_half_of_no_key_pair(secret):
    (key,) = parse_keys(secret, "HS512")
    assert key.is_symmetric


@pytest.mark.parametrize("algorithm", PRIVATE_KEYS)
def test_a_public_key_may_be_written_as_openssh_does(algorithm):
    private = PRIVATE_KEYS[algorithm]
    (key,) = parse_keys(public_bytes(private, Encoding.OpenSSH, PublicFormat.OpenSSH))
    assert (key.algorithm, key.can_sign) == (algorithm, False)
    assert key.kid == parse_keys(public_pem(private))[0].kid


@proves("P8")
def test_p8_a_key_of_characters_that_are_none_is_a_bad_key(monkeypatch, set_jwt):
    monkeypatch.setitem(os.environb, b"A_KEY", b"\xff" * 64)
    set_jwt(SIGNING_KEYS=[{"env": "A_KEY"}])
    with pytest.raises(BadKey, match="no known kind of key"):
        get_keyring()


@proves("S7")
@pytest.mark.parametrize("kid", [None, 7, True, "", ["a"], {}])
def test_s7_the_kid_of_a_jwk_is_text(kid):
    jwk = {"kty": "oct", "k": "A" * 43, "kid": kid}
    with pytest.raises(BadKey, match="kid is no text"):
        parse_keys(json.dumps(jwk))


@proves("P11")
def test_an_empty_key_is_no_wish_for_a_derived_one(set_jwt):
    set_jwt(SIGNING_KEY="")
    with pytest.raises(BadKey, match=r"no HS256 key|0 bytes"):
        get_keyring()


@proves("P11")
@pytest.mark.parametrize("values", [{"ALGORITHM": "RS256"}, {"VERIFYING_KEY": "x"}], ids=str)
def test_half_of_a_key_is_refused(set_jwt, values):
    set_jwt(**values)
    with pytest.raises(BadKey, match="without SIGNING_KEY"):
        get_keyring()


def test_keys_are_parsed_once(set_jwt):
    set_jwt(ALGORITHM="RS256", SIGNING_KEY=private_pem(PRIVATE_KEYS["RS256"]))
    assert get_keyring() is get_keyring()


@proves("K5")
def test_k5_no_key_shows_itself(set_jwt):
    set_jwt(SIGNING_KEY=SECRET)
    assert SECRET not in repr(get_keyring())
    assert "a secret" not in str(signing_key())
