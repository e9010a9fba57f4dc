"""Keys as they are written down: PEM, JWK, or the bytes of a secret."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_public_key,
)
from jwt.exceptions import InvalidKeyError

from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.algorithms import ALGORITHMS, HMAC_ALGORITHMS
from jwt_sessions.keys.key import make_key
from jwt_sessions.keys.spellings import refuse_half_of_a_pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_sessions.keys.key import Key

# One algorithm for each kind of JWK: what reads the kind, whatever the key is used for.
JWK_READERS: Final = {"oct": "HS256", "RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}

# Keeps what we derive from SECRET_KEY apart from all that others derive from it.
DERIVATION_CONTEXT: Final = b"jwt_sessions token signing key HS256"

# What the libraries raise for what is no key. Their texts may quote it; ours must not.
NOT_A_KEY: Final = (
    InvalidKeyError,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)


@lru_cache(maxsize=64)
def parse_keys(material: str | bytes, algorithm: str | None = None) -> tuple[Key, ...]:
    """Return the keys in `material`: PEM, a JWK, a JWKS, or anything else as a secret.

    The same material is parsed once: to load a private RSA key takes longer than a whole request.
    `algorithm` is what a PEM or a secret is for; a JWK may say it itself. Raises ``BadKey``.
    """
    try:
        data = material.encode() if isinstance(material, str) else material
        if data.lstrip().startswith(b"{"):
            return tuple(_read_jwks(data, algorithm))
        if b"-----BEGIN" in data or data.startswith((b"ssh-", b"ecdsa-")):
            return (_read_pem(data, algorithm),)
        return (_read_secret(data, algorithm or "HS256"),)
    except NOT_A_KEY as error:
        raise BadKey(f"it is no {algorithm or 'known kind of'} key") from error


@lru_cache(maxsize=8)
def derive_key(secret_key: str | bytes) -> Key:
    """Return the HS256 key that is derived from a ``SECRET_KEY`` (HKDF, RFC 5869)."""
    secret = secret_key.encode() if isinstance(secret_key, str) else secret_key
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=DERIVATION_CONTEXT)
    derived = derivation.derive(secret)
    return make_key(derived, derived)


def _read_pem(data: bytes, algorithm: str | None) -> Key:
    if b"PRIVATE KEY-----" in data:
        return _as_key(load_pem_private_key(data, password=None), algorithm)
    if data.startswith((b"ssh-", b"ecdsa-")):
        return _as_key(load_ssh_public_key(data), algorithm)
    return _as_key(load_pem_public_key(data), algorithm)


def _read_secret(data: bytes, algorithm: str) -> Key:
    if algorithm in ALGORITHMS and algorithm not in HMAC_ALGORITHMS:
        raise BadKey(f"it is no {algorithm} key")
    return _as_key(data, algorithm)


def _read_jwks(data: bytes, algorithm: str | None) -> Iterator[Key]:
    value = json.loads(data)
    for jwk in value.get("keys", [value]):
        if jwk.get("use", "sig") == "sig":
            yield _read_jwk(jwk, algorithm)


def _read_jwk(jwk: dict[str, Any], algorithm: str | None) -> Key:
    if algorithm and jwk.get("alg", algorithm) != algorithm:
        raise BadKey(f"it says itself that it is no {algorithm} key")
    key = _as_key(ALGORITHMS[JWK_READERS[jwk["kty"]]].from_jwk(jwk), algorithm or jwk.get("alg"))
    kid = jwk.get("kid", key.kid)
    if not isinstance(kid, str) or not kid:
        raise BadKey("kid is no text")
    return replace(key, kid=kid)


def _as_key(key: Any, algorithm: str | None) -> Key:
    if isinstance(key, bytes):
        refuse_half_of_a_pair(key)
        return make_key(key, key, algorithm=algorithm)
    if hasattr(key, "public_key"):
        return make_key(key.public_key(), key, algorithm=algorithm)
    return make_key(key, algorithm=algorithm)
