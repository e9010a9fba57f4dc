"""All keys in force, and what each of them does at a given moment."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from jwt_sessions.claims import encode_object
from jwt_sessions.exceptions import BadKey, CannotSign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jwt_sessions.keys.key import Key


class KeyState(StrEnum):
    """What a key does now. Every state but the last verifies."""

    PENDING = "pending"
    SIGNING = "signing"
    VERIFY_ONLY = "verify-only"
    RETIRED = "retired"


class Keyring:
    """Keys of one context: of our own tokens, or of one other issuer's.

    The one that signs is the newest that has begun, and of those that began at the same time the
    first. When it has a successor, it verifies for `kept_for` seconds more, which is as long as its
    last token lives.
    """

    def __init__(self, keys: Iterable[Key], *, kept_for: float) -> None:
        """Raise ``BadKey`` where the keys cannot stand together."""
        self.keys = tuple(_with_ends(sorted(keys, key=_begin, reverse=True), kept_for))
        self._by_kid = {key.kid: key for key in self.keys}
        self._by_header: dict[str, dict[str, Key]] = {}
        _refuse_what_clashes(self.keys)

    def signing_key(self, now: float) -> Key:
        """Return the key that signs new tokens at `now`, in seconds. Raises ``CannotSign``."""
        if (key := self._signing_at(now)) is None:
            raise CannotSign("no key signs at this moment")
        return key

    def find(self, kid: str) -> Key | None:
        """Return the key with that id; a token that names none is never tried with another."""
        return self._by_kid.get(kid)

    def find_by_header(self, segment: str, typ: str) -> Key | None:
        """Return the key whose tokens of one `typ` begin with `segment`, spelled as we spell it."""
        keys = self._by_header.get(typ)
        if keys is None:
            keys = self._by_header[typ] = {header_of(key, typ): key for key in self.keys}
        return keys.get(segment)

    def state_of(self, key: Key, now: float) -> KeyState:
        """Return what `key` does at `now`, in seconds."""
        if has_ended(key, now):
            return KeyState.RETIRED
        if key.can_sign and _begin(key) > now:
            return KeyState.PENDING
        return KeyState.SIGNING if key is self._signing_at(now) else KeyState.VERIFY_ONLY

    def jwks(self, now: float) -> dict[str, list[dict[str, str]]]:
        """Return the public keys that verify at `now` or will sign, as a JWKS (RFC 7517)."""
        jwks = (key.public_jwk() for key in self.keys if not has_ended(key, now))
        return {"keys": [jwk for jwk in jwks if jwk is not None]}

    def _signing_at(self, now: float) -> Key | None:
        return next((key for key in self.keys if key.can_sign and _begin(key) <= now), None)


def header_of(key: Key, typ: str) -> str:
    """Return the first segment of a token of one `typ` that `key` signs."""
    return encode_object({"alg": key.algorithm, "kid": key.kid, "typ": typ})


def has_ended(key: Key, now: float) -> bool:
    """Return whether `key` has stopped to verify by `now`, in seconds."""
    return key.ends_at is not None and key.ends_at <= now


def _begin(key: Key) -> float:
    return -inf if key.signs_from is None else key.signs_from


def _with_ends(keys: Sequence[Key], kept_for: float) -> Iterator[Key]:
    """Yield the keys, newest first, each with the end that its successor sets."""
    signs_itself = any(key.can_sign for key in keys)
    replaced_at: float | None = None
    for key in keys:
        # Also where there is none: it may have had a successor that is gone.
        yield replace(key, ends_at=None if replaced_at is None else replaced_at + kept_for)
        # Among keys that sign, a public key replaces none. Where none signs here, they sign
        # elsewhere, one after the other. One without a time replaces none; what follows it, both.
        if key.signs_from is not None and (key.can_sign or not signs_itself):
            replaced_at = key.signs_from


def _refuse_what_clashes(keys: Sequence[Key]) -> None:
    if not keys:
        raise BadKey("there is no key")
    kids = [key.kid for key in keys]
    if twice := {kid for kid in kids if kids.count(kid) > 1}:
        raise DuplicateKeys(f"key {min(twice)} is there twice")
    if len({key.is_symmetric for key in keys}) > 1:
        raise MixedKeys("secrets (HS256 and the like) and key pairs are mixed")


class DuplicateKeys(BadKey):
    """Two keys have one id."""


class MixedKeys(BadKey):
    """Symmetric and asymmetric keys stand in one context (ASVS 9.1.2)."""
