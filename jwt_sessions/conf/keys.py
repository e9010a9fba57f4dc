"""The settings of keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jwt_sessions.conf.reading import SettingsReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class KeySettings(SettingsReader):
    """Where the keys come from, and how long each one serves."""

    @property
    def SIGNING_KEYS(self) -> Sequence[Any] | None:
        """Where the keys come from; None: from SIGNING_KEY, or derived from ``SECRET_KEY``."""
        keys = self.get("SIGNING_KEYS")
        return keys if keys is None else self.as_list(keys)

    @property
    def FALLBACK_KEYS(self) -> Sequence[Any]:
        """Where the keys of before come from, which still verify refresh tokens."""
        return self.as_list(self.get("FALLBACK_KEYS") or ())

    @property
    def TRUSTED_ISSUERS(self) -> Mapping[str, Sequence[Any]]:
        """Where the public keys of others come from, by the `iss` of their tokens."""
        issuers: Mapping[str, Any] = self.get("TRUSTED_ISSUERS") or {}
        return {issuer: self.as_list(keys) for issuer, keys in issuers.items()}

    @property
    def KEY_RELOAD_INTERVAL(self) -> timedelta:
        """How often a running process looks whether its keys have changed."""
        interval: timedelta = self.get("KEY_RELOAD_INTERVAL", timedelta(seconds=10))
        return interval

    @property
    def JWKS_MAX_AGE(self) -> timedelta:
        """How long others may keep our published keys before they ask again."""
        age: timedelta = self.get("JWKS_MAX_AGE", timedelta(minutes=10))
        return age

    @property
    def SIGNING_KEY_MAX_AGE(self) -> timedelta | None:
        """How old a signing key may become before a check asks for a new one; None: any age."""
        age: timedelta | None = self.get("SIGNING_KEY_MAX_AGE", timedelta(days=365))
        return age

    @property
    def ALGORITHM(self) -> str:
        """The JWA algorithm (RFC 7518) of SIGNING_KEY."""
        return str(self.get("ALGORITHM", "HS256"))

    @property
    def SIGNING_KEY(self) -> Any:
        """A secret or a private key in PEM; None to derive one from ``SECRET_KEY``."""
        return self.get("SIGNING_KEY")

    @property
    def VERIFYING_KEY(self) -> Any:
        """The public key in PEM; None to take it from SIGNING_KEY."""
        return self.get("VERIFYING_KEY")
