"""Keys as they are written down: PEM, JWK, or the bytes of a secret."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_public_key,
)
from jwt.exceptions import InvalidKeyError

from jwt_sessions.derivation import derive
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.algorithms import ALGORITHMS, HMAC_ALGORITHMS
from jwt_sessions.keys.key import make_key
from jwt_sessions.keys.spellings import refuse_what_is_no_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_sessions.keys.key import Key

# One algorithm for each kind of JWK: what reads the kind, whatever the key is used for.
JWK_READERS: Final = {"oct": "HS256", "RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
JWK_CURVES: Final = {None, "P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448"}

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

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# The first and the last line of a PEM say what it is.
LINES_OF_ONE_KEY: Final = 2


@lru_cache(maxsize=64)
def parse_keys(material: str | bytes, algorithm: str | None = None) -> tuple[Key, ...]:
    """Return the keys in `material`: PEM, a JWK, a JWKS, or anything else as a secret.

    The same material is parsed once: to load a private RSA key takes longer than a whole request.
    `algorithm` is what a PEM or a secret is for; a JWK may say it itself. Raises ``BadKey``.
    """
    try:
        data = material.encode() if isinstance(material, str) else material
        text = data.removeprefix(BYTE_ORDER_MARK).strip()
        if text.startswith(b"{"):
            return tuple(_read_jwks(text, algorithm))
        if b"-----BEGIN" in text or text.startswith((b"ssh-", b"ecdsa-")):
            return (_read_pem(text, algorithm),)
        return (_read_secret(data, algorithm or "HS256"),)
    except NOT_A_KEY as error:
        raise BadKey(f"it is no {algorithm or 'known kind of'} key") from error


@lru_cache(maxsize=8)
def derive_key(secret_key: str | bytes) -> Key:
    """Return the HS256 key that is derived from a ``SECRET_KEY`` (HKDF, RFC 5869)."""
    if not secret_key:
        raise BadKey("SECRET_KEY or one of its fallbacks is empty")
    derived = derive(secret_key, context=DERIVATION_CONTEXT)
    return make_key(derived, derived)


def _read_pem(data: bytes, algorithm: str | None) -> Key:
    is_private = b"PRIVATE KEY-----" in data
    ending = b"PRIVATE KEY-----" if is_private else b"PUBLIC KEY-----"
    if data.count(ending) > LINES_OF_ONE_KEY:
        raise BadKey("there are several keys in it; each needs a source of its own")
    if is_private:
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
    if "keys" not in value:
        yield _read_jwk(value, algorithm)
        return
    for jwk in value["keys"]:
        # RFC 7517 section 5: a public key of an unknown kind keeps no other from its work.
        is_known = jwk["kty"] in JWK_READERS and jwk.get("crv") in JWK_CURVES
        is_known = is_known and jwk.get("alg") in {None, *ALGORITHMS}
        if _is_for_signatures(jwk) and (is_known or "d" in jwk):
            yield _read_jwk(jwk, algorithm)


def _is_for_signatures(jwk: dict[str, Any]) -> bool:
    return bool(jwk.get("use", "sig") == "sig")


def _read_jwk(jwk: dict[str, Any], algorithm: str | None) -> Key:
    if not _is_for_signatures(jwk):
        raise BadKey("its `use` is another than signatures")
    if algorithm and jwk.get("alg", algorithm) != algorithm:
        raise BadKey(f"it says itself that it is no {algorithm} key")
    key = _as_key(ALGORITHMS[JWK_READERS[jwk["kty"]]].from_jwk(jwk), algorithm or jwk.get("alg"))
    kid = jwk.get("kid", key.kid)
    if not isinstance(kid, str) or not kid:
        raise BadKey("its kid is no text")
    return replace(key, kid=kid)


def _as_key(key: Any, algorithm: str | None) -> Key:
    if isinstance(key, bytes):
        refuse_what_is_no_secret(key)
        return make_key(key, key, algorithm=algorithm)
    if hasattr(key, "public_key"):
        return make_key(key.public_key(), key, algorithm=algorithm)
    return make_key(key, algorithm=algorithm)
