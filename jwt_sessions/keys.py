"""The keyring: where keys come from, which one signs, which ones verify."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwt.algorithms import Algorithm, HMACAlgorithm, get_default_algorithms
from jwt.exceptions import InvalidKeyError

from jwt_sessions.claims import encode_segment
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import JWTSessionsError

if TYPE_CHECKING:
    from collections.abc import Sequence

# RFC 7518 section 3.1, RFC 8812 and RFC 8037; PyJWT also has "none" and a misspelt ES512.
ALGORITHMS: Final = {
    name: algorithm
    for name, algorithm in get_default_algorithms().items()
    if name not in {"none", "ES521"}
}

# RFC 7518 section 3.2: an HMAC key is at least as long as the hash. Bytes.
HMAC_KEY_MINIMUM: Final = {"HS256": 32, "HS384": 48, "HS512": 64}

# RFC 7518 section 3.3. Bits.
RSA_KEY_MINIMUM: Final = 2048

# RFC 7638 section 3.2 and RFC 8037 section 2: the members that make a key what it is.
THUMBPRINT_MEMBERS: Final = {
    "oct": ("k", "kty"),
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}

# Keeps what we derive from SECRET_KEY apart from all that others derive from it.
DERIVATION_CONTEXT: Final = b"jwt_sessions token signing key HS256"


class BadKey(JWTSessionsError):
    """A key in the settings cannot serve; the text says why and never quotes it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key with its id and the one algorithm it may be used with (RFC 8725 section 3.1)."""

    kid: str
    algorithm: str
    _implementation: Algorithm = field(repr=False)
    _verifying: Any = field(repr=False)
    _signing: Any = field(repr=False, default=None)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        return self._implementation.sign(message, self._signing)

    def is_signature(self, signature: bytes, message: bytes) -> bool:
        """Return whether `signature` is this key's for `message`."""
        return self._implementation.verify(message, self._verifying, signature)


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys in force. The first one signs."""

    keys: tuple[Key, ...]

    @property
    def signing_key(self) -> Key:
        """The key that signs new tokens."""
        return self.keys[0]

    def find(self, kid: str) -> Key | None:
        """Return the key with that id; a token that names none is never tried with another."""
        return next((key for key in self.keys if key.kid == kid), None)


def get_keyring() -> Keyring:
    """Return the keys in force, parsed once for each set of settings.

    Without SIGNING_KEY, one HS256 key is derived from ``SECRET_KEY`` and signs, and one from each
    of ``SECRET_KEY_FALLBACKS`` verifies.

    Raises ``BadKey``.
    """
    algorithm, signing_key, verifying_key = conf.ALGORITHM, conf.SIGNING_KEY, conf.VERIFYING_KEY
    for name, key in (("SIGNING_KEY", signing_key), ("VERIFYING_KEY", verifying_key)):
        if not isinstance(key, str | bytes | None):
            raise BadKey(f"{name} is neither text nor bytes")
    if signing_key is not None:
        return _ring_of_one(algorithm, signing_key, verifying_key)
    if verifying_key or algorithm != "HS256":
        raise BadKey(f"ALGORITHM {algorithm!r} or VERIFYING_KEY is set without SIGNING_KEY")
    return _derived_ring(conf.secret_keys)


@lru_cache(maxsize=4)
def _ring_of_one(algorithm: str, signing_key: Any, verifying_key: Any) -> Keyring:
    implementation = ALGORITHMS.get(algorithm)
    if implementation is None:
        raise BadKey(f"ALGORITHM is {algorithm!r}, known are {', '.join(ALGORITHMS)}")
    try:
        signing = implementation.prepare_key(signing_key)
        if isinstance(implementation, HMACAlgorithm):
            verifying = signing
        elif verifying_key:
            verifying = implementation.prepare_key(verifying_key)
        else:
            verifying = signing.public_key()
        kid = _thumbprint(implementation, verifying)
        key = Key(kid, algorithm, implementation, verifying, signing)
        is_pair = key.is_signature(key.sign(b"probe"), b"probe")
    except (InvalidKeyError, ValueError, TypeError, AttributeError) as error:
        # The libraries' own texts may quote the key; ours must not.
        raise BadKey(f"SIGNING_KEY or VERIFYING_KEY is no {algorithm} key") from error
    if not is_pair:
        raise BadKey("VERIFYING_KEY does not belong to SIGNING_KEY")
    _refuse_short_key(algorithm, signing)
    return Keyring((key,))


@lru_cache(maxsize=4)
def _derived_ring(secret_keys: Sequence[str | bytes]) -> Keyring:
    return Keyring(tuple(_derived_key(secret_key) for secret_key in secret_keys))


def _derived_key(secret_key: str | bytes) -> Key:
    secret = secret_key.encode() if isinstance(secret_key, str) else secret_key
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=DERIVATION_CONTEXT)
    implementation = ALGORITHMS["HS256"]
    derived = implementation.prepare_key(derivation.derive(secret))
    return Key(_thumbprint(implementation, derived), "HS256", implementation, derived, derived)


def _thumbprint(implementation: Algorithm, key: Any) -> str:
    """Return the key's RFC 7638 thumbprint."""
    jwk = implementation.to_jwk(key, as_dict=True)
    members = {name: jwk[name] for name in THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return encode_segment(hashlib.sha256(canonical).digest())


def _refuse_short_key(algorithm: str, key: Any) -> None:
    minimum = HMAC_KEY_MINIMUM.get(algorithm)
    if minimum is not None and len(key) < minimum:
        raise BadKey(f"SIGNING_KEY has {len(key)} bytes, {algorithm} needs at least {minimum}")
    size = getattr(key, "key_size", RSA_KEY_MINIMUM)
    if algorithm[:2] in {"RS", "PS"} and size < RSA_KEY_MINIMUM:
        raise BadKey(f"SIGNING_KEY has {size} bits, {algorithm} needs at least {RSA_KEY_MINIMUM}")
