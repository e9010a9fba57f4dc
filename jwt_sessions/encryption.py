"""What is stored encrypted or as a keyed hash, so that a stolen database is of no use.

A secret is bound to whose it is by associated data (AES-GCM), so that rows cannot be swapped.
"""

from __future__ import annotations

import hmac
import secrets
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jwt_sessions.claims import decode_segment, encode_segment
from jwt_sessions.conf import conf
from jwt_sessions.derivation import derive
from jwt_sessions.exceptions import BadKey

CONTEXT: Final = b"jwt_sessions second factor AES-256-GCM"
CONTEXT_OF_HASHES: Final = b"jwt_sessions second factor HMAC-SHA256"
CONTEXT_OF_IDS: Final = b"jwt_sessions second factor key id"

NONCE_LENGTH: Final = 12  # bytes (NIST SP 800-38D section 5.2.1.1)
KEY_ID_LENGTH: Final = 8  # hex digits


class Keys(NamedTuple):
    """What is made of one of MFA_ENCRYPTION_KEYS; `id` names it beside what it encrypted."""

    id: str
    cipher: AESGCM
    pepper: bytes

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class Encrypted(NamedTuple):
    """A secret as it is stored."""

    key_id: str
    text: str


def encrypt(secret: bytes, *, owner: str) -> Encrypted:
    """Return `secret`, encrypted by the newest key for `owner` alone. Raises ``BadKey``."""
    keys, nonce = all_keys()[0], secrets.token_bytes(NONCE_LENGTH)
    sealed = keys.cipher.encrypt(nonce, secret, owner.encode())
    return Encrypted(keys.id, encode_segment(nonce + sealed))


def decrypt(encrypted: Encrypted, *, owner: str) -> bytes:
    """Return the secret. Raises ``BadKey`` where its key is gone, or the row is not `owner`'s."""
    for keys in all_keys():
        if keys.id == encrypted.key_id:
            try:
                data = decode_segment(encrypted.text)
                nonce, sealed = data[:NONCE_LENGTH], data[NONCE_LENGTH:]
                return keys.cipher.decrypt(nonce, sealed, owner.encode())
            except (InvalidTag, ValueError) as error:
                raise BadKey("a stored secret is damaged, or another person's") from error
    raise BadKey(f"no key of MFA_ENCRYPTION_KEYS has the id {encrypted.key_id!r}")


def hash_code(code: str, *, owner: str) -> str:
    """Return a salted, keyed hash of a code of a few digits.

    Of six digits no hash could be kept by itself: whoever has the database tries them all. So the
    key that is not in the database does it (SP 800-63B-4 section 3.1.1.2). Raises ``BadKey``.
    """
    keys, salt = all_keys()[0], secrets.token_hex(8)
    return f"{keys.id}${salt}${_digest(keys, salt, code, owner)}"


def is_code(code: str, hashed: str, *, owner: str) -> bool:
    """Return whether `hashed` was made of this code for this owner."""
    key_id, _, rest = hashed.partition("$")
    salt, _, digest = rest.partition("$")
    return any(
        hmac.compare_digest(_digest(keys, salt, code, owner), digest)
        for keys in all_keys()
        if keys.id == key_id
    )


def all_keys() -> tuple[Keys, ...]:
    """Return what is made of each of MFA_ENCRYPTION_KEYS, or of SECRET_KEY and its fallbacks."""
    configured = conf.MFA_ENCRYPTION_KEYS
    try:
        keys = tuple(map(_make_keys, conf.secret_keys if configured is None else configured))
    except (AttributeError, TypeError, ValueError) as error:
        raise BadKey("one of MFA_ENCRYPTION_KEYS cannot serve") from error
    if not keys:
        raise BadKey("MFA_ENCRYPTION_KEYS is empty")
    return keys


@lru_cache(maxsize=16)
def _make_keys(secret: str | bytes) -> Keys:
    key_id = derive(secret, context=CONTEXT_OF_IDS).hex()[:KEY_ID_LENGTH]
    cipher = AESGCM(derive(secret, context=CONTEXT))
    return Keys(key_id, cipher, derive(secret, context=CONTEXT_OF_HASHES))


def _digest(keys: Keys, salt: str, code: str, owner: str) -> str:
    return hmac.new(keys.pepper, f"{salt}\0{owner}\0{code}".encode(), sha256).hexdigest()
