"""Signatures that are no signatures, and second spellings of those that are."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from jwt_sessions import sessions
from jwt_sessions.claims import decode_segment, encode_segment
from jwt_sessions.tokens import parse_access_token
from tests.forging import reason
from tests.keypairs import private_key, private_pem

proves = pytest.mark.proves

# The order of the curve P-256 (FIPS 186-5 and SEC 2 section 2.4.2) and of edwards25519 (RFC 8032
# section 5.1).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture
def signed_by(set_jwt, alice):
    """Return a good access token, without its signature, and the signature."""

    def sign_in(algorithm):
        pem = private_pem(private_key(algorithm))
        set_jwt(SIGNING_KEYS=[{"key": pem, "algorithm": algorithm}])
        message, _, signature = sessions.start(alice).access.rpartition(".")
        return message, decode_segment(signature)

    return sign_in


def refusal(message, signature):
    return reason(f"{message}.{encode_segment(signature)}")


def numbers(signature):
    """Return r and s of a signature of ECDSA on P-256."""
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def raw(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@proves("S3")
@pytest.mark.parametrize(
    "bend",
    [
        lambda r, s: raw(0, 0),
        lambda r, s: raw(0, s),
        lambda r, s: raw(r, 0),
        lambda r, s: raw(P256_ORDER, s),
        lambda r, s: raw(r, P256_ORDER),
        lambda r, s: raw(P256_ORDER, P256_ORDER),
        lambda r, s: raw(0, P256_ORDER),
        lambda r, s: raw(1, 1),
        lambda r, s: raw(r, 1),
        lambda r, s: raw(P256_ORDER - r, s),
        lambda r, s: raw(s, r),
        lambda r, s: raw(2**256 - 1, 2**256 - 1),
        encode_dss_signature,
        lambda r, s: encode_dss_signature(0, 0),
        lambda r, s: raw(r, s)[:-1],
        lambda r, s: raw(r, s)[1:],
        lambda r, s: raw(r, s)[:32],
        lambda r, s: raw(r, s) + b"\0",
        lambda r, s: b"\0" + raw(r, s),
        lambda r, s: b"\0" + raw(r, s)[:32] + b"\0" + raw(r, s)[32:],
        lambda r, s: raw(r, s) * 2,
        lambda r, s: b"\0",
    ],
)
def test_cve_2022_21449_a_degenerate_signature_of_es256_is_none(signed_by, bend):
    message, signature = signed_by("ES256")
    assert refusal(message, bend(*numbers(signature))) == "bad_signature"


@proves("S1")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_cve_2022_21449_an_empty_signature_is_no_third_segment(signed_by, algorithm):
    message, _ = signed_by(algorithm)
    assert refusal(message, b"") == "not_compact"


@proves("S13")
def test_s13_the_other_signature_of_ecdsa_is_good_and_names_the_same_token(signed_by):
    message, signature = signed_by("ES256")
    r, s = numbers(signature)
    tokens = [
        parse_access_token(f"{message}.{encode_segment(spelled)}")
        for spelled in (signature, raw(r, P256_ORDER - s))
    ]
    assert tokens[0]["jti"] == tokens[1]["jti"]
    assert tokens[0].sid == tokens[1].sid


@proves("S3")
@pytest.mark.parametrize(
    "bend",
    [
        lambda number, modulus: 0,
        lambda number, modulus: 1,
        lambda number, modulus: modulus - 1,
        lambda number, modulus: modulus,
        lambda number, modulus: modulus - number,
        lambda number, modulus: number + modulus,
        lambda number, modulus: 2**2048 - 1,
    ],
)
def test_a_degenerate_signature_of_rs256_is_none(signed_by, bend):
    message, signature = signed_by("RS256")
    modulus = private_key("RS256").public_key().public_numbers().n
    number = bend(int.from_bytes(signature, "big"), modulus)
    size = max(256, (number.bit_length() + 7) // 8)
    assert refusal(message, number.to_bytes(size, "big")) == "bad_signature"


@proves("S13")
def test_s13_a_signature_of_ed25519_has_one_spelling(signed_by):
    message, signature = signed_by("EdDSA")
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    assert refusal(message, signature[:32] + s.to_bytes(32, "little")) == "bad_signature"


@proves("S3")
@pytest.mark.parametrize(
    "signature",
    [
        bytes(64),
        b"\1" + bytes(63),  # the neutral element, and zero
        b"\xff" * 64,
        bytes(63),
        bytes(65),
    ],
)
def test_a_degenerate_signature_of_ed25519_is_none(signed_by, signature):
    message, _ = signed_by("EdDSA")
    assert refusal(message, signature) == "bad_signature"


@proves("S3")
@pytest.mark.parametrize("cut", [1, 16, 31])
def test_a_shortened_mac_is_none(alice, cut):
    message, _, signature = sessions.start(alice).access.rpartition(".")
    assert refusal(message, decode_segment(signature)[:cut]) == "bad_signature"
    assert refusal(message, decode_segment(signature) + b"\0" * cut) == "bad_signature"
