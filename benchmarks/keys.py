"""A key of each algorithm, made for one run, and the settings under which we sign with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.settings import JWT_SESSIONS
from jwt_sessions.keys.algorithms import ALGORITHMS, RSA_ALGORITHMS
from jwt_sessions.keys.rotation import RSA_BITS, generate

# No token expires while it is read, however many rounds there are.
LIFETIME: Final = timedelta(days=1)


@dataclass(frozen=True, repr=False)
class FreshKey:
    """One key: as settings have it, and as PyJWT has it when nothing is left to parse."""

    algorithm: str
    text: str
    signing: Any
    verifying: Any


def fresh_key(algorithm: str, rsa_bits: int = RSA_BITS) -> FreshKey:
    """Return the key of this run; it is made when it is first asked for."""
    return _make_key(algorithm, rsa_bits)


def settings_to_sign_with(algorithm: str, rsa_bits: int = RSA_BITS) -> dict[str, Any]:
    """Return settings under which that key signs."""
    source = {"callable": partial(_key_source, algorithm, rsa_bits)}
    return {
        "JWT_SESSIONS": {
            **JWT_SESSIONS,
            "SIGNING_KEYS": [source],
            "ACCESS_TOKEN_LIFETIME": LIFETIME,
        }
    }


@cache
def _make_key(algorithm: str, rsa_bits: int) -> FreshKey:
    text = _new_rsa_key(rsa_bits) if algorithm in RSA_ALGORITHMS else generate(algorithm)
    signing: Any = ALGORITHMS[algorithm].prepare_key(text)
    verifying = signing if isinstance(signing, bytes) else signing.public_key()
    return FreshKey(algorithm, text, signing, verifying)


def _key_source(algorithm: str, rsa_bits: int) -> dict[str, str]:
    return {"key": fresh_key(algorithm, rsa_bits).text, "algorithm": algorithm}


def _new_rsa_key(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
