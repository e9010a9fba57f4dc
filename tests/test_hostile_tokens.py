"""Tokens of attackers, a class at a time: the algorithm, the name of the key, and the key."""

from __future__ import annotations

import hmac
import itertools
import json
import socket
import sys

import pytest

from jwt_sessions.claims import encode_segment
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys import get_keyring
from jwt_sessions.keys.material import parse_keys
from jwt_sessions.tokens import parse_issuer_token
from tests.forging import encode, forge, header_of, reason, signing_key
from tests.keypairs import private_key, private_pem, public_jwk

proves = pytest.mark.proves

CAPITALISATIONS = ["".join(letters) for letters in itertools.product("nN", "oO", "nN", "eE")]
NONE_LIKE = [
    *CAPITALISATIONS,
    "none ",
    " none",
    "none\0",
    "NULL",
    "",
    "0",
    None,
    False,
    0,
    [],
    ["none"],
]
OTHER_ISSUER = "https://other.example"


def parse_other_issuers_token(text):
    return parse_issuer_token(text, issuer=OTHER_ISSUER)


# The algorithm


@proves("S3")
@pytest.mark.parametrize("alg", NONE_LIKE)
def test_no_spelling_of_none_is_an_algorithm(token, alg):
    message = f"{encode({**header_of(token), 'alg': alg})}.{token.split('.')[1]}"
    assert reason(f"{message}.") == "not_compact"
    assert reason(f"{message}.AA") == "wrong_alg"
    assert reason(forge(token, header={"alg": alg})) == "wrong_alg"


@proves("S3")
@pytest.mark.parametrize("alg", CAPITALISATIONS)
def test_no_key_serves_for_none(alg):
    with pytest.raises(BadKey, match="known are"):
        parse_keys("A" * 64, alg)


@proves("S3", "S4")
@pytest.mark.parametrize(
    "alg", ["Hs256", "HS256 ", "HS256\0", "ＨＳ256", "HS２56", "SHA256", ["HS256"], {"HS256": 1}]
)
def test_an_algorithm_is_compared_as_it_is(token, alg):
    assert reason(forge(token, header={"alg": alg})) == "wrong_alg"


# The name of the key


@proves("S7")
@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "..\\..\\windows\\win.ini",
        "%2e%2e%2fkeys",
        "x' UNION SELECT 'AAAA' --",
        "'; DROP TABLE jwt_sessions_session; --",
        "| cat /etc/passwd",
        "${jndi:ldap://127.0.0.1:9/x}",
        "{{ 7 * 7 }}",
        "\0",
        "\ud800",
        "\udfff\ud800",
        "\u202e",
        "x" * 5_000,
        "*",
        ".",
        "__class__",
        "None",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("secret", [b"", b"AAAA", b"\0"])
def test_s7_a_hostile_kid_names_no_key(token, kid, secret):
    message = f"{encode({**header_of(token), 'kid': kid})}.{token.split('.')[1]}"
    mac = hmac.digest(secret, message.encode(), "sha256")
    assert reason(f"{message}.{encode_segment(mac)}") == "unknown_kid"


@proves("S7")
@pytest.mark.parametrize(
    "bend",
    [
        lambda kid: f"{kid}\0",
        lambda kid: f"{kid} ",
        lambda kid: f" {kid}",
        lambda kid: f"{kid}\n",
        lambda kid: f"./{kid}",
        lambda kid: f"{kid}=",
        lambda kid: kid[:-1],
        str.swapcase,
    ],
)
def test_s7_a_kid_is_compared_as_it_is(token, bend):
    assert reason(forge(token, header={"kid": bend(signing_key().kid)})) == "unknown_kid"


@proves("S7")
@pytest.mark.parametrize("kid", [0, 1, -1, 1.5, 10**400, True, False, None, "", [], [""], {}])
def test_s7_a_kid_that_is_no_text_is_refused(token, kid):
    assert reason(forge(token, header={"kid": kid})) == "bad_kid"


@proves("S7", "S11")
def test_s7_a_kid_of_ten_thousand_characters_is_not_even_read(token):
    assert reason(forge(token, header={"kid": "x" * 10_000})) == "too_long"


# Where keys come from


LISTENERS = []


@pytest.fixture(scope="session")
def audit_hook():
    """What Python itself tells of each step towards a network; a hook cannot be taken away."""

    def hear(event, args):
        if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "subprocess.")):
            for listener in LISTENERS:
                listener.append(event)

    sys.addaudithook(hear)


@pytest.fixture
def canary(audit_hook):
    """A socket that listens. Nobody should come, or set out for anywhere."""
    steps = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        LISTENERS.append(steps)
        yield listening, steps
        LISTENERS.remove(steps)


def has_come(listening):
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@proves("S6")
@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "ldap"])
@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "kid", "iss", "url"])
def test_s6_no_address_in_a_token_is_ever_asked(token, canary, set_jwt, scheme, name):
    listening, steps = canary
    attacker = private_key("ES256", "attacker's")
    set_jwt(TRUSTED_ISSUERS={OTHER_ISSUER: [{"key": json.dumps(public_jwk(attacker))}]})
    (signer,) = parse_keys(private_pem(attacker), "ES256")
    address = f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/keys"
    header = {"alg": "ES256", "kid": signer.kid, name: address}
    bent = forge(token, header=header, claims={"iss": address}, key=signer)
    assert reason(bent) == "unknown_kid"
    expected = "unknown_kid" if name == "kid" else "wrong_issuer"
    assert reason(bent, parse_other_issuers_token) == expected
    assert not has_come(listening)
    assert steps == []


def test_the_canary_hears_whoever_comes(canary):
    listening, steps = canary
    with socket.create_connection(listening.getsockname()):
        assert has_come(listening)
    assert "socket.connect" in steps


@proves("S6")
@pytest.mark.parametrize("kid", ["ours", "the attacker's", None])
@pytest.mark.parametrize("name", ["jwk", "jwks", "x5c", "keys"])
def test_s6_a_key_that_a_token_brings_along_verifies_nothing(token, name, kid):
    attacker = private_key("ES256", "attacker's")
    (signer,) = parse_keys(private_pem(attacker), "ES256")
    kids = {"ours": signing_key().kid, "the attacker's": signer.kid}
    header = {"alg": "ES256", "kid": kids.get(kid), name: public_jwk(attacker)}
    expected = {"ours": "wrong_alg", "the attacker's": "unknown_kid", None: "bad_kid"}
    assert reason(forge(token, header=header, key=signer)) == expected[kid]


@proves("S6")
def test_s6_a_secret_that_a_token_brings_along_verifies_nothing(token):
    (attacker,) = parse_keys("attacker's " * 8)
    header = {"jwk": {"kty": "oct", "k": encode_segment(b"attacker's " * 8), "alg": "HS256"}}
    assert reason(forge(token, header=header, key=attacker)) == "bad_signature"
    assert len(get_keyring().keys) == 1
