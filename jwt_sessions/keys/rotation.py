"""Changing the keys of a directory, so that nobody who verifies a token notices.

A new key is published first, and signs when everybody has had time to learn of it. The one before
it verifies until its last token has expired, and its file is deleted after that.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from itertools import count
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jwt_sessions.conf import conf
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.algorithms import HMAC_ALGORITHMS, RSA_ALGORITHMS
from jwt_sessions.keys.directory import read_directory, write_file
from jwt_sessions.keys.keyring import Keyring, KeyState
from jwt_sessions.keys.loading import longest_token_life
from jwt_sessions.keys.material import parse_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jwt_sessions.keys.key import Key

# However well clocks agree, it takes a moment to make a key, to write it and to read it.
LEAST_MARGIN: Final = timedelta(seconds=1)

RSA_BITS: Final = 2048
HMAC_BYTES: Final = 64
GENERATORS: Final[dict[str, Any]] = {
    **dict.fromkeys(RSA_ALGORITHMS, lambda: rsa.generate_private_key(65537, RSA_BITS)),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ES256K": lambda: ec.generate_private_key(ec.SECP256K1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}


class KeyDirectory:
    """The keys of one directory at one moment, `now`, in seconds since 1970.

    `complaints` are files that are no keys. Raises ``BadKey`` where the directory cannot be read or
    its keys cannot stand together.
    """

    def __init__(self, path: Path, *, now: float) -> None:
        self.path = path
        self.now = now
        found = read_directory(path)
        self.complaints = found.complaints
        self.ring = Keyring(found.keys, kept_for=longest_token_life()) if found.keys else None

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys, newest first."""
        return self.ring.keys if self.ring else ()

    def in_state(self, state: KeyState) -> Iterator[Key]:
        """Yield the keys that are in one state now."""
        return (
            key for key in self.keys if self.ring and self.ring.state_of(key, self.now) == state
        )

    @property
    def signing_key(self) -> Key | None:
        """The key that signs now."""
        return next(self.in_state(KeyState.SIGNING), None)

    @property
    def pending_key(self) -> Key | None:
        """The key that will sign next."""
        return min(
            self.in_state(KeyState.PENDING), key=lambda key: key.signs_from or 0, default=None
        )

    def next_begin(self, *, at_once: bool) -> float:
        """Return when a key made now should begin to sign: a whole second, as file names say."""
        if not at_once and self.signing_key is not None:
            return ceil(self.now + publication_time())
        # Of two keys that begin in the same second, the older one might go on signing.
        taken = {key.signs_from for key in self.keys}
        return next(second for second in count(floor(self.now)) if second not in taken)

    def create(self, algorithm: str, *, signs_from: float) -> Key:
        """Write a new key and return it. Raises ``BadKey`` where it does not fit the others."""
        text = generate(algorithm)
        (key,) = parse_keys(text, algorithm)
        key = replace(key, signs_from=signs_from)
        Keyring([key, *self.keys], kept_for=0)
        return replace(key, origin=str(write_file(self.path, key, text)))

    def find(self, start: str) -> Key:
        """Return the one key whose id begins with `start`. Raises ``BadKey``."""
        keys = [key for key in self.keys if key.kid.startswith(start)]
        if len(keys) != 1:
            raise BadKey(f"{len(keys)} keys have an id that begins with {start!r}")
        return keys[0]

    def why_kept(self, key: Key) -> str | None:
        """Return why `key` cannot be retired yet, or None."""
        state = self.ring.state_of(key, self.now) if self.ring else KeyState.RETIRED
        return {
            KeyState.PENDING: "it is published and will sign",
            KeyState.SIGNING: "it signs",
            KeyState.VERIFY_ONLY: "tokens that it has signed may still be good",
        }.get(state)

    @staticmethod
    def delete(keys: Iterable[Key]) -> None:
        """Delete the files of `keys`: whatever they have signed is refused from then on."""
        for key in keys:
            Path(key.origin).unlink(missing_ok=True)


def publication_time() -> float:
    """Return how long a key is published before it signs, in seconds.

    As long as a JWKS may be kept, a process may not yet know of the key, and clocks may differ.
    """
    margin = max(2 * conf.LEEWAY, LEAST_MARGIN)
    return (conf.JWKS_MAX_AGE + conf.KEY_RELOAD_INTERVAL + margin).total_seconds()


def generate(algorithm: str) -> str:
    """Return a new private key in PEM (PKCS #8), or a new secret. Raises ``BadKey``."""
    if algorithm in HMAC_ALGORITHMS:
        return secrets.token_urlsafe(HMAC_BYTES)
    if algorithm not in GENERATORS:
        raise BadKey(f"there is no algorithm {algorithm!r}")
    key = GENERATORS[algorithm]()
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()
