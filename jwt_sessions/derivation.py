"""Keys made of secrets."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret: str | bytes, *, context: bytes) -> bytes:
    """Return 32 bytes made of `secret` (HKDF-SHA256, RFC 5869).

    `context` keeps them apart from all else that is derived from the same secret. Raises
    ``ValueError`` for an empty secret.
    """
    if not secret:
        raise ValueError("the secret is empty")
    material = secret.encode() if isinstance(secret, str) else secret
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=context).derive(material)
