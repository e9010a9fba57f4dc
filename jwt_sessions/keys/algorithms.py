"""The table of algorithms: which there are, and which key fits which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import OKPAlgorithm, get_default_algorithms

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

# RFC 7518 section 3.1, RFC 8037, RFC 8812. PyJWT also has "none" and a misspelt ES512, and lacks
# the names of RFC 9864 section 2.2, which say the curve that "EdDSA" leaves open.
ALGORITHMS: Final[dict[str, Algorithm]] = {
    **{
        name: algorithm
        for name, algorithm in get_default_algorithms().items()
        if name not in {"none", "ES521"}
    },
    "Ed25519": OKPAlgorithm(),
    "Ed448": OKPAlgorithm(),
}

HMAC_ALGORITHMS: Final = ("HS256", "HS384", "HS512")
RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVE_ALGORITHMS: Final = {
    "secp256r1": ("ES256",),
    "secp384r1": ("ES384",),
    "secp521r1": ("ES512",),
    "secp256k1": ("ES256K",),
}

# RFC 7518 section 3.2: an HMAC key is at least as long as the hash. Bytes.
HMAC_KEY_MINIMUM: Final = {"HS256": 32, "HS384": 48, "HS512": 64}

# RFC 7518 section 3.3. Bits.
RSA_KEY_MINIMUM: Final = 2048


def algorithms_for(key: Any) -> tuple[str, ...]:
    """Return the algorithms that a secret or a public key can serve, the usual one first."""
    match key:
        case bytes():
            return HMAC_ALGORITHMS
        case RSAPublicKey():
            return RSA_ALGORITHMS
        case EllipticCurvePublicKey():
            return CURVE_ALGORITHMS.get(key.curve.name, ())
        case Ed25519PublicKey():
            return ("EdDSA", "Ed25519")
        case Ed448PublicKey():
            return ("EdDSA", "Ed448")
    return ()


def why_too_short(algorithm: str, key: Any) -> str | None:
    """Return why a secret or a public key is too short for `algorithm`, or None."""
    if isinstance(key, bytes):
        size, minimum, unit = len(key), HMAC_KEY_MINIMUM[algorithm], "bytes"
    elif isinstance(key, RSAPublicKey):
        size, minimum, unit = key.key_size, RSA_KEY_MINIMUM, "bits"
    else:
        return None
    if size >= minimum:
        return None
    return f"has {size} {unit}, {algorithm} needs at least {minimum}"
