"""The keyrings of this process: read when they are first asked for, and again now and then."""

from __future__ import annotations

import logging
import time
from functools import partial
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from jwt_sessions.conf import conf, until_settings_change
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.directory import Found
from jwt_sessions.keys.keyring import Keyring
from jwt_sessions.keys.material import parse_keys
from jwt_sessions.keys.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_sessions.keys.key import Key

logger = logging.getLogger(__name__)

# Seconds. A key that we do not know may be new, so that we look, but no more often than this.
UNKNOWN_KEY_INTERVAL: Final = 5.0
# Seconds. Keys that could not be read are not asked for by every request.
FAILURE_INTERVAL: Final = 1.0


class KeyringLoader:
    """One keyring, kept up to date by whoever asks for it. One thread at a time reads."""

    def __init__(self, find_keys: Callable[[], Found]) -> None:
        self._find_keys = find_keys
        self._lock = Lock()
        self._ring: Keyring | None = None
        self._failure = BadKey("no keys were read")
        self._read_at, self._interval = -inf, 0.0

    def get(self) -> Keyring:
        """Return the keyring.

        Where a source cannot be read any more, the keys that were read last go on serving. What
        was read, and is a key no longer, does not. Raises ``BadKey`` where no key is left.
        """
        if self._is_older_than(self._interval):
            self._read()
        if (ring := self._ring) is None:
            raise self._failure.with_traceback(None)
        return ring

    def find(self, kid: str) -> Key | None:
        """Return the key with that id; where there is none, look whether there is by now."""
        key = self.get().find(kid)
        if key is None and self._is_older_than(UNKNOWN_KEY_INTERVAL):
            self._interval = 0.0
            key = self.get().find(kid)
        return key

    def _read(self) -> None:
        read_at = self._read_at
        # Who has keys goes on with them while another thread reads; who has none must wait.
        if not self._lock.acquire(blocking=self._ring is None):
            return
        try:
            # Who has waited takes what the other thread has read, however long that took.
            if self._read_at == read_at and self._is_older_than(self._interval):
                self._interval = self._try_to_read()
        finally:
            self._lock.release()

    def _is_older_than(self, seconds: float) -> bool:
        """Return whether the keys were read longer ago, or later than the clock says by now."""
        return not 0 <= time.time() - self._read_at < seconds

    def _try_to_read(self) -> float:
        """Read the keys; return in how many seconds to do so again."""
        begun_at = time.time()
        try:
            found = self._find_keys()
            self._replace(found)
        except BadKey as error:
            logger.exception("the keys cannot be read")
            # What takes long to fail is left alone for as long as what fails at once.
            self._failure, self._read_at = error, time.time()
        else:
            self._read_at = begun_at
            for complaint in found.complaints:
                logger.error("a key file is passed over: %s", complaint)
        return conf.KEY_RELOAD_INTERVAL.total_seconds() if self._ring else FAILURE_INTERVAL

    def _replace(self, found: Found) -> None:
        kept_for = longest_token_life()
        before = self._ring.keys if self._ring else ()
        found.keys += [key for key in before if key.origin in found.unreadable]
        try:
            ring = Keyring(found.keys, kept_for=kept_for)
        except BadKey:
            # They cannot stand together: those of before go on, but for the ones that are gone.
            kids = {key.kid for key in found.keys}
            still = [key for key in before if key.kid in kids]
            self._ring = Keyring(still, kept_for=kept_for) if still else None
            raise
        if ring.keys != before:
            self._ring = ring


def get_keyring() -> Keyring:
    """Return the keyring of our own tokens. Raises ``BadKey``."""
    return _own_loader().get()


def find_key(kid: str) -> Key | None:
    """Return the key of our own with that id. Raises ``BadKey``."""
    return _own_loader().find(kid)


def find_refresh_key(kid: str) -> Key | None:
    """Return the key with that id that verifies refresh tokens. Raises ``BadKey``.

    These are a context of their own: FALLBACK_KEYS serve nothing else.
    """
    key = find_key(kid)
    if key is None and conf.FALLBACK_KEYS:
        key = _fallback_loader().find(kid)
    return key


def get_issuer_keyring(issuer: str) -> Keyring:
    """Return the public keys of one of TRUSTED_ISSUERS. Raises ``BadKey`` where it is none."""
    loader = _issuer_loaders().get(issuer)
    if loader is None:
        raise BadKey(f"{issuer} is none of TRUSTED_ISSUERS")
    return loader.get()


def longest_token_life() -> float:
    """Return how long after its last signature a key may be asked for, in seconds.

    That of the longest token, the skew of two clocks, and the time in which a process may not yet
    know of a new key.
    """
    life = max(conf.ACCESS_TOKEN_LIFETIME, conf.REFRESH_TOKEN_LIFETIME)
    return (life + 2 * conf.LEEWAY + conf.KEY_RELOAD_INTERVAL).total_seconds()


def find_own_keys() -> Found:
    """Return the keys that the settings name for our own tokens. Raises ``BadKey``.

    Without SIGNING_KEYS and SIGNING_KEY, one HS256 key is derived from ``SECRET_KEY`` and signs,
    and one from each of ``SECRET_KEY_FALLBACKS`` verifies.
    """
    if (sources := conf.SIGNING_KEYS) is not None:
        return read_sources(sources, setting="SIGNING_KEYS")
    if conf.SIGNING_KEY is not None:
        return Found([_one_key(conf.ALGORITHM, conf.SIGNING_KEY, conf.VERIFYING_KEY)])
    if conf.VERIFYING_KEY or conf.ALGORITHM != "HS256":
        raise BadKey("ALGORITHM or VERIFYING_KEY is set without SIGNING_KEY")
    return read_sources([{"secret_key": True}], setting="SECRET_KEY")


def find_fallback_keys() -> Found:
    """Return the keys of FALLBACK_KEYS. Raises ``BadKey``."""
    return read_sources(conf.FALLBACK_KEYS, setting="FALLBACK_KEYS")


def find_issuer_keys(issuer: str) -> Found:
    """Return the public keys of one of TRUSTED_ISSUERS. Raises ``BadKey``."""
    setting = f"TRUSTED_ISSUERS[{issuer!r}]"
    found = read_sources(conf.TRUSTED_ISSUERS[issuer], setting=setting)
    # With another issuer's secret or private key we could make its tokens ourselves.
    if any(key.can_sign for key in found.keys):
        raise BadKey(f"{setting}: a key of another issuer must be a public one")
    return found


def _one_key(algorithm: str, signing_key: Any, verifying_key: Any) -> Key:
    """Return simplejwt's SIGNING_KEY, whose public part VERIFYING_KEY may repeat."""
    for name, key in (("SIGNING_KEY", signing_key), ("VERIFYING_KEY", verifying_key)):
        if not isinstance(key, str | bytes | None):
            raise BadKey(f"{name} is neither text nor bytes")
    found = read_sources([{"key": signing_key, "algorithm": algorithm}], setting="SIGNING_KEY")
    if len(found.keys) != 1 or not found.keys[0].can_sign:
        raise BadKey("SIGNING_KEY is not one key that can sign")
    (key,) = found.keys
    if verifying_key and not key.is_symmetric:
        public = parse_keys(verifying_key, algorithm)
        if [(each.kid, each.can_sign) for each in public] != [(key.kid, False)]:
            raise BadKey("VERIFYING_KEY is not the public key that belongs to SIGNING_KEY")
    return key


@until_settings_change
def _own_loader() -> KeyringLoader:
    return KeyringLoader(find_own_keys)


@until_settings_change
def _fallback_loader() -> KeyringLoader:
    return KeyringLoader(find_fallback_keys)


@until_settings_change
def _issuer_loaders() -> Mapping[str, KeyringLoader]:
    return {
        issuer: KeyringLoader(partial(find_issuer_keys, issuer)) for issuer in conf.TRUSTED_ISSUERS
    }
