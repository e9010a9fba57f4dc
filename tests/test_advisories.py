"""Each advisory published against those who read tokens and keys like ours, tried on us."""

from __future__ import annotations

import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from jwt_sessions import sessions
from jwt_sessions.claims import encode_segment
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.algorithms import RSA_ALGORITHMS
from jwt_sessions.keys.material import parse_keys
from jwt_sessions.tokens import parse_access_token, parse_issuer_token
from tests.forging import encode, forge, header_of, reason, signing_key
from tests.keypairs import (
    GENERATORS,
    oct_jwk,
    private_key,
    private_pem,
    public_bytes,
    public_jwk,
    spellings,
)
from tests.people import claims_of

proves = pytest.mark.proves
HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


@pytest.fixture(params=GENERATORS)
def public_key_token(request, set_jwt, alice):
    """A good access token and the key pair that has signed it, of each kind."""
    key = private_key(request.param)
    set_jwt(SIGNING_KEYS=[{"key": private_pem(key), "algorithm": request.param}])
    return sessions.start(alice).access, key


def mac(token, secret, alg="HS256"):
    """Return the token as who knows `secret` and no more can sign it."""
    header = encode({**header_of(token), "alg": alg})
    message = f"{header}.{token.split('.')[1]}"
    digest = hmac.digest(secret, message.encode(), HASHES[alg])
    return f"{message}.{encode_segment(digest)}"


def assert_no_secret(public_key_token, kind):
    """Neither does a public key serve as a secret, nor does it sign where it verifies."""
    token, key = public_key_token
    for spelled in spellings(key)[kind]:
        for material in (spelled, oct_jwk(spelled)):
            with pytest.raises(BadKey, match=r"no HS256 key|half of a key pair"):
                parse_keys(material, "HS256")
        assert reason(mac(token, spelled)) == "wrong_alg"


@proves("S5")
def test_cve_2022_29217_a_public_key_in_ssh_spelling_is_no_secret(public_key_token):
    assert_no_secret(public_key_token, "ssh")


@proves("S5")
def test_ghsa_xgmm_8j9v_c9wx_a_public_jwk_is_no_secret(public_key_token):
    assert_no_secret(public_key_token, "jwk")


@proves("S5")
def test_ghsa_w2cx_738m_mc7w_a_jwk_within_anything_is_no_secret(public_key_token):
    assert_no_secret(public_key_token, "jwks")


@proves("S5")
def test_ghsa_r6x4_923q_g947_a_jwk_after_a_bom_is_no_secret(public_key_token):
    assert_no_secret(public_key_token, "jwk after a bom")


@proves("S5")
def test_ghsa_p4g4_x82p_q773_a_public_key_in_der_is_no_secret(public_key_token):
    assert_no_secret(public_key_token, "der")


@proves("S5")
@pytest.mark.parametrize(
    "kind", [kind for kind in spellings(private_key("ES256")) if "pem" in kind]
)
def test_ghsa_ffc3_869f_jxw9_a_pem_however_its_lines_end_is_no_secret(public_key_token, kind):
    assert_no_secret(public_key_token, kind)


@proves("S5")
@pytest.mark.parametrize("alg", HASHES)
def test_cve_2015_9235_a_token_signed_with_the_public_key_is_refused(public_key_token, alg):
    token, key = public_key_token
    assert reason(mac(token, public_bytes(key), alg)) == "wrong_alg"


@proves("S9")
@pytest.mark.parametrize("k", ["", "=", "==", "=" * 44, "!" * 44, "\n", None, 0, [], {}])
def test_ghsa_pxh4_856f_4h89_an_empty_secret_in_a_jwk_is_refused(k):
    with pytest.raises(BadKey):
        parse_keys(json.dumps({"kty": "oct", "k": k}))


@proves("S9")
@pytest.mark.parametrize("secret", [b"", b"\0", b"\0" * 64])
def test_ghsa_pxh4_856f_4h89_a_token_signed_with_nothing_is_refused(token, secret):
    assert reason(mac(token, secret)) == "bad_signature"


@proves("S4")
@pytest.mark.parametrize("signed", RSA_ALGORITHMS)
@pytest.mark.parametrize("said", RSA_ALGORITHMS)
def test_ghsa_jq35_7prp_9v3f_a_key_has_one_algorithm(alice, set_jwt, said, signed):
    pem = private_pem(private_key("RS256"))
    set_jwt(SIGNING_KEYS=[{"key": pem, "algorithm": "RS256"}])
    (key,) = parse_keys(pem, signed)
    bent = forge(sessions.start(alice).access, header={"alg": said}, key=key)
    if said == signed == "RS256":
        assert parse_access_token(bent)
    else:
        assert reason(bent) == ("bad_signature" if said == "RS256" else "wrong_alg")


@proves("S4")
def test_ghsa_jq35_7prp_9v3f_a_jwk_is_bound_to_the_algorithm_that_it_names():
    jwk = {**public_jwk(private_key("RS256")), "alg": "PS256"}
    (public,) = parse_keys(json.dumps(jwk))
    (signer,) = parse_keys(private_pem(private_key("RS256")), "RS256")
    assert public.algorithm == "PS256"
    assert not public.is_signature(signer.sign(b"message"), b"message")


ISSUERS_IN_PART = ["", "h", "https://", "issuer", "https://issuer.exampl", "HTTPS://issuer.example"]


@proves("C4")
@pytest.mark.parametrize("iss", [*ISSUERS_IN_PART, "https://issuer.example\0", [], {}, None, True])
def test_ghsa_75c5_xw7c_p5pm_an_issuer_in_part_is_another_issuer(token, set_jwt, iss):
    assert reason(forge(token, claims={"iss": iss})) == "wrong_issuer"
    key = private_key("ES256")
    set_jwt(TRUSTED_ISSUERS={"https://issuer.example": [{"key": public_bytes(key)}]})
    (signer,) = parse_keys(private_pem(key))
    theirs = forge(
        token, header={"alg": "ES256", "kid": signer.kid}, claims={"iss": iss}, key=signer
    )

    def parse(text):
        return parse_issuer_token(text, issuer="https://issuer.example")

    assert reason(theirs, parse) == "wrong_issuer"


@proves("S8")
@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["http://example.com/unknown"], "http://example.com/unknown": True},
        {"crit": ["unknown"]},
        {"crit": ["alg", "kid", "typ"]},
        {"crit": ["b64"], "b64": True},
        {"b64": True},
        {"crit": "exp"},
        {"crit": {}},
        {"crit": None},
        {"crit": [None]},
        {"crit": False},
    ],
)
def test_ghsa_752w_5fwx_jx9f_whatever_is_critical_is_refused(token, header):
    assert reason(forge(token, header=header)) == "crit"


@proves("S8", "S11")
def test_ghsa_w7vc_732c_9m39_a_detached_payload_is_refused_before_it_costs_anything(token):
    header = encode({**header_of(token), "b64": False, "crit": ["b64"]})
    assert reason(f"{header}..AAAA") == "not_compact"
    assert reason(f"{header}.AAAA.AAAA") == "crit"
    assert reason(f"{header}.{'A' * 10_000_000}.AAAA") == "too_long"


@proves("S11", "A7")
@pytest.mark.parametrize("opening", [b"[", b'{"typ":', b'{"":[', b'[{"":'])
def test_ghsa_8wjv_2p76_3863_nested_json_is_a_refusal(token, opening):
    nested = opening * (5_000 // len(opening))
    assert reason(f"{encode(nested)}.e30.AAAA") in {"json_too_deep", "bad_json"}
    assert reason(forge(token, raw_payload=nested)) in {"json_too_deep", "bad_json"}


@proves("S11", "A7")
@pytest.mark.parametrize("depth", [900, 2_900])
def test_ghsa_8wjv_2p76_3863_nested_json_that_ends_is_a_refusal_too(token, depth):
    nested = b'{"typ": ' + b"[" * depth + b"]" * depth + b"}"
    # How deep Python reads differs between its releases; past it comes the next rule.
    assert reason(f"{encode(nested)}.e30.AAAA") in {"json_too_deep", "bad_typ"}
    assert reason(forge(token, raw_payload=nested)) in {"json_too_deep", "wrong_issuer"}


@proves("S11", "A7", "P8")
@pytest.mark.parametrize("opening", ['{"keys":', '{"kty": ["oct"], "k":[', '{"a":'])
def test_ghsa_8wjv_2p76_3863_nested_json_is_no_key(opening):
    with pytest.raises(BadKey, match="no known kind of key"):
        parse_keys(opening * 100_000)


def with_unused_bits(value):
    """Return a segment of JSON, as long as it takes to leave four bits of its end unused."""
    data = json.dumps(value).encode()
    return encode_segment(data + b" " * ((1 - len(data)) % 3))


def in_another_spelling(segment):
    """Return what a lax decoder takes for the same."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]


@proves("S13")
@pytest.mark.parametrize("bent", ["none", "header", "payload", "signature"])
def test_ghsa_hxm8_2xgr_2p9m_a_segment_has_one_spelling(token, bent):
    header, payload = with_unused_bits(header_of(token)), with_unused_bits(claims_of(token))
    header = in_another_spelling(header) if bent == "header" else header
    payload = in_another_spelling(payload) if bent == "payload" else payload
    signature = encode_segment(signing_key().sign(f"{header}.{payload}".encode()))
    if bent == "none":
        assert parse_access_token(f"{header}.{payload}.{signature}")
        return
    signature = in_another_spelling(signature) if bent == "signature" else signature
    assert reason(f"{header}.{payload}.{signature}") == "bad_base64"


@proves("S1", "S13")
@pytest.mark.parametrize(
    "lax", ["=", "==", " ", "\n", "\r\n", "\t", "\0", "+", "/", "%3D", "\u200b", "Ａ"]
)
@pytest.mark.parametrize("segment", [0, 1, 2])
def test_ghsa_hxm8_2xgr_2p9m_what_a_lax_decoder_skips_is_refused(token, segment, lax):
    segments = token.split(".")
    for place in (0, 4, len(segments[segment])):
        bent = [*segments]
        bent[segment] = bent[segment][:place] + lax + bent[segment][place:]
        assert reason(".".join(bent)) == "not_compact"


def encrypt(key, payload, header):
    """Return a JWE to the public part of `key`: whoever knows it can write one."""
    header = encode({**header, "alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"})
    secret, nonce = bytes(range(32)), bytes(12)
    sealed = AESGCM(secret).encrypt(nonce, payload.encode(), header.encode())
    wrapped = key.public_key().encrypt(secret, OAEP(MGF1(SHA256()), SHA256(), None))
    parts = (wrapped, nonce, sealed[:-16], sealed[-16:])
    return ".".join([header, *map(encode_segment, parts)])


@proves("S2")
def test_cve_2023_51774_what_is_encrypted_to_us_is_not_signed_by_us(alice, set_jwt):
    key = private_key("RS256")
    set_jwt(SIGNING_KEYS=[{"key": private_pem(key), "algorithm": "RS256"}])
    token = sessions.start(alice).access
    jwe = encrypt(key, token.split(".")[1], header_of(token))
    assert reason(jwe) == "not_compact"
    header, _, _, ciphertext, tag = jwe.split(".")
    assert reason(f"{header}.{ciphertext}.{tag}") == "wrong_alg"


@proves("S9")
@pytest.mark.parametrize(
    ("jwk", "algorithm", "complaint"),
    [
        ({"kty": "oct", "k": "A" * 42}, "HS256", "31 bytes"),
        ({"kty": "oct", "k": "A" * 63}, "HS384", "47 bytes"),
        ({"kty": "oct", "k": "A" * 84}, "HS512", "63 bytes"),
        ({"kty": "RSA", "n": "_" * 171, "e": "AQAB"}, "RS256", "1024 bits"),
        ({"kty": "RSA", "n": "_" * 340, "e": "AQAB"}, "PS512", "2040 bits"),
        ({**public_jwk(private_key("RS256")), "e": "AQ"}, "RS256", "no RS256 key"),
    ],
)
def test_cve_2025_45768_a_weak_key_is_refused_in_a_jwk_and_in_a_set(jwk, algorithm, complaint):
    jwk = {**jwk, "alg": algorithm}
    for material in (jwk, {"keys": [jwk]}):
        with pytest.raises(BadKey, match=complaint):
            parse_keys(json.dumps(material), algorithm)
