"""One key: what it can do, and what may be told of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from jwt_sessions.claims import encode_segment
from jwt_sessions.exceptions import BadKey, CannotSign
from jwt_sessions.keys.algorithms import ALGORITHMS, algorithms_for, why_too_short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# RFC 7638 section 3.2 and RFC 8037 section 2: the members that make a key what it is.
THUMBPRINT_MEMBERS: Final = {
    "oct": ("k", "kty"),
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


class Signer(Protocol):
    """What signs elsewhere, so that this process never holds the private key."""

    algorithm: str
    """The name of the JWA algorithm, ``"ES256"`` for instance."""
    public_key: str | bytes
    """The public key, in PEM or as a JWK."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`, as JWS wants it (RFC 7518 section 3)."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key with its id and the one algorithm it may be used with (RFC 8725 section 3.1).

    `signs_from` is when it begins to sign, and `ends_at` when it stops to verify, in seconds since
    1970; None: it always did, and it never will. `origin` says which setting it came from.
    """

    kid: str
    algorithm: str
    is_symmetric: bool
    origin: str = ""
    signs_from: float | None = None
    ends_at: float | None = None
    _verify: Callable[[bytes, bytes], bool] = field(repr=False, kw_only=True)
    _sign: Callable[[bytes], bytes] | None = field(repr=False, kw_only=True, default=None)
    _public_jwk: Mapping[str, str] | None = field(repr=False, kw_only=True, default=None)

    @property
    def can_sign(self) -> bool:
        """Whether there is more of it than a public key."""
        return self._sign is not None

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`. Raises ``CannotSign``."""
        if self._sign is None:
            raise CannotSign(f"key {self.kid} is a public key")
        return self._sign(message)

    def is_signature(self, signature: bytes, message: bytes) -> bool:
        """Return whether `signature` is this key's for `message`."""
        return self._verify(message, signature)

    def public_jwk(self) -> dict[str, str] | None:
        """Return the public part as a JWK (RFC 7517), or None where all of it is secret."""
        if self._public_jwk is None:
            return None
        return {**self._public_jwk, "use": "sig", "alg": self.algorithm, "kid": self.kid}


def make_key(verifying: Any, signing: Any = None, *, algorithm: str | None = None) -> Key:
    """Return a key of a secret, or of a public key and perhaps its private one.

    Without `algorithm` it is the usual one of such a key. Raises ``BadKey``.
    """
    fitting = algorithms_for(verifying)
    algorithm = algorithm or next(iter(fitting), None)
    if algorithm not in ALGORITHMS:
        raise BadKey(f"the algorithm is {algorithm!r}, known are {', '.join(ALGORITHMS)}")
    if algorithm not in fitting:
        raise BadKey(f"it is no {algorithm} key")
    if complaint := why_too_short(algorithm, verifying):
        raise BadKey(f"it {complaint}")
    implementation: Any = ALGORITHMS[algorithm]
    jwk = implementation.to_jwk(verifying, as_dict=True)
    members = {name: jwk[name] for name in THUMBPRINT_MEMBERS[jwk["kty"]]}
    is_symmetric = jwk["kty"] == "oct"
    return Key(
        kid=thumbprint(members),
        algorithm=algorithm,
        is_symmetric=is_symmetric,
        _verify=lambda message, signature: implementation.verify(message, verifying, signature),
        _sign=None if signing is None else lambda message: implementation.sign(message, signing),
        _public_jwk=None if is_symmetric else members,
    )


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the RFC 7638 thumbprint of a JWK that has its required members and no others."""
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return encode_segment(hashlib.sha256(canonical).digest())


def signed_elsewhere(public_key: Key, signer: Signer) -> Key:
    """Return `public_key` with `signer` in the place of a private one.

    Each signature is verified before it goes out, for what answers may be another key or another
    format. Whatever the signer raises becomes ``CannotSign``.
    """

    def sign(message: bytes) -> bytes:
        try:
            signature: object = signer.sign(message)
        except Exception as error:
            raise CannotSign(f"what signs for key {public_key.kid} does not answer") from error
        if not isinstance(signature, bytes) or not public_key.is_signature(signature, message):
            raise CannotSign(f"what signs for key {public_key.kid} returned no signature of it")
        return signature

    return replace(public_key, _sign=sign)
