"""The keys, wherever they come from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name

from jwt_sessions.conf import conf
from jwt_sessions.exceptions import BadKey, CannotSign
from jwt_sessions.keys.keyring import DuplicateKeys, Keyring, MixedKeys
from jwt_sessions.keys.loading import (
    find_fallback_keys,
    find_issuer_keys,
    find_own_keys,
)
from jwt_sessions.keys.material import parse_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_sessions.keys.directory import Found
    from jwt_sessions.keys.key import Key

KEEP_APART: Final = (
    "Keep to one of the two. While you change from one to the other, name the old keys in "
    "FALLBACK_KEYS: they verify refresh tokens, so that nobody is signed out."
)
USUAL: Final = ("jwt_sessions.E005", "Name keys that can be read and fit their algorithm.")
IDS_AND_HINTS: Final = {
    DuplicateKeys: ("jwt_sessions.E018", "Name each key once."),
    MixedKeys: ("jwt_sessions.E019", KEEP_APART),
}


def issuers_are_named() -> Iterator[CheckMessage]:
    issuers = conf.get("TRUSTED_ISSUERS") or {}
    if not isinstance(issuers, Mapping) or not all(isinstance(name, str) for name in issuers):
        yield Error(
            "TRUSTED_ISSUERS is no dict of issuers and their keys.",
            hint='Write {"https://issuer.example": [{"file": "issuer.jwks.json"}]}.',
            id="jwt_sessions.E003",
        )
    elif conf.get("ISSUER") in list(issuers):
        yield Error(
            "TRUSTED_ISSUERS names ISSUER itself.",
            hint="Keys of our own stand in SIGNING_KEYS; remove it.",
            id="jwt_sessions.E021",
        )


def keys_can_serve() -> Iterator[CheckMessage]:
    yield from _complaints(find_own_keys)
    if conf.FALLBACK_KEYS:
        yield from _complaints(find_fallback_keys)
    if isinstance(conf.get("TRUSTED_ISSUERS") or {}, Mapping):
        for issuer in conf.TRUSTED_ISSUERS:
            yield from _complaints(partial(find_issuer_keys, issuer))


def _complaints(find: Callable[[], Found]) -> Iterator[CheckMessage]:
    try:
        found = find()
        complaints: list[BadKey] = found.complaints
        Keyring(found.keys, kept_for=0)
    except BadKey as error:
        complaints = [error]
    for complaint in complaints:
        check_id, hint = IDS_AND_HINTS.get(type(complaint), USUAL)
        yield Error(f"{complaint}.", hint=hint, id=check_id)


def a_key_signs() -> Iterator[CheckMessage]:
    try:
        _signing_key()
    except CannotSign:
        yield Warning(
            "No key signs at this moment: nobody can sign in or refresh here.",
            hint="Name a private key or a secret in SIGNING_KEYS, unless tokens are only verified "
            "here.",
            id="jwt_sessions.W008",
        )
    except BadKey:
        return  # which the rule above complains about


def nothing_is_set_in_vain() -> Iterator[CheckMessage]:
    if conf.SIGNING_KEYS is None:
        return
    for name in ("SIGNING_KEY", "VERIFYING_KEY", "ALGORITHM"):
        if name in conf.jwt_sessions:
            yield Warning(
                f"{name} has no effect beside SIGNING_KEYS.",
                hint='Remove it. A source may name its own: {"env": "JWT_KEY", "algorithm": '
                '"PS256"}.',
                id="jwt_sessions.W012",
            )


def signing_key_is_set() -> Iterator[CheckMessage]:
    if conf.SIGNING_KEYS is None and not conf.SIGNING_KEY:
        yield Warning(
            "Tokens are signed with a key derived from SECRET_KEY.",
            hint="Set SIGNING_KEYS, so that each of the two can be changed without the other, and "
            'FALLBACK_KEYS to [{"secret_key": True}] for as long as REFRESH_TOKEN_LIFETIME, so '
            "that nobody is signed out.",
            id="jwt_sessions.W004",
        )
        return
    try:
        kids = {key.kid for key in find_own_keys().keys}
    except BadKey:
        return
    if kids & set(_kids_of_secret_keys()):
        yield Warning(
            "A signing key is SECRET_KEY itself: what leaks one leaks the other.",
            hint='Make a key of its own, or have one derived: {"secret_key": True}.',
            id="jwt_sessions.W005",
        )


def _kids_of_secret_keys() -> Iterator[str]:
    for secret_key in conf.secret_keys:
        # One that is no HS256 key cannot have been taken for one.
        with suppress(BadKey):
            yield from (key.kid for key in parse_keys(secret_key, "HS256"))


def signing_key_is_young() -> Iterator[CheckMessage]:
    longest: object = conf.SIGNING_KEY_MAX_AGE
    try:
        key = _signing_key()
    except BadKey:
        return
    # Of what is no duration, another rule complains.
    if not isinstance(longest, timedelta) or key.signs_from is None:
        return
    age = timedelta(seconds=int(time.time() - key.signs_from))
    if age > longest:
        yield Warning(
            f"Key {key.kid} signs since {age}, longer than SIGNING_KEY_MAX_AGE.",
            hint="Run `manage.py signingkeys rotate`; nobody notices.",
            id="jwt_sessions.W010",
        )


def _signing_key() -> Key:
    return Keyring(find_own_keys().keys, kept_for=0).signing_key(time.time())
