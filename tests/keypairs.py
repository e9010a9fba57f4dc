"""Key pairs, and the many ways in which people write a public key down."""

from __future__ import annotations

import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jwt_sessions.claims import encode_segment
from jwt_sessions.keys.material import parse_keys

BOM = b"\xef\xbb\xbf"
GENERATORS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@cache
def private_key(algorithm, name="ours"):
    """Return a private key, the same one for the same words."""
    return GENERATORS[algorithm]()


PRIVATE_KEYS = {algorithm: private_key(algorithm) for algorithm in GENERATORS}


def private_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key):
    return public_bytes(key).decode()


def new_pem():
    """Return a new private key for ES256."""
    return private_pem(GENERATORS["ES256"]())


def public_bytes(key, encoding=Encoding.PEM, form=PublicFormat.SubjectPublicKeyInfo):
    return key.public_key().public_bytes(encoding, form)


def public_jwk(key):
    (parsed,) = parse_keys(public_bytes(key))
    return parsed.public_jwk()


def oct_jwk(secret):
    """Return a secret as a JWK."""
    return json.dumps({"kty": "oct", "k": encode_segment(secret)})


def spellings(key):
    """Return the public part of a key as people write it down, by the kind of spelling."""
    pem, der = public_bytes(key), public_bytes(key, Encoding.DER)
    ssh = public_bytes(key, Encoding.OpenSSH, PublicFormat.OpenSSH)
    jwk = json.dumps(public_jwk(key)).encode()
    jwks = b'{"keys": [' + jwk + b"]}"
    text, lines = pem.decode(), pem.splitlines()
    return {
        "ssh": [ssh, ssh + b" me@here", b"here " + ssh, b"\n" + ssh, BOM + ssh, ssh.split()[1]],
        "pem": [pem, pem.strip(), b"# ours\n" + pem, BOM + pem],
        "pem with other ends of lines": [
            pem.replace(b"\n", end) for end in (b"\r\n", b"\r", b"\n  ", b" ", b"", b"\\n")
        ],
        "pem without its armour": [b"\n".join(lines[1:-1]), b"".join(lines[1:-1])],
        "pem in another encoding": [
            text.encode(name) for name in ("utf-16", "utf-16-be", "utf-32")
        ],
        "jwk": [jwk, b"\n" + jwk, json.dumps(jwk.decode()).encode(), encode_segment(jwk).encode()],
        "jwks": [jwks, b"[" + jwk + b"]", b'{"a": ' + jwks + b"}"],
        "jwk after a bom": [BOM + jwk, BOM + jwks, b"\xc2\xa0" + jwk],
        "der": [der, der.hex().encode(), encode_segment(der).encode()],
    }
