"""The keyring: where keys come from, which one signs, which ones verify, and which are published.

A key comes out of a source that a setting names (``sources``, ``directory``), is parsed once
(``material``), and stands in a keyring (``keyring``) that running processes keep up to date
(``loading``). ``rotation`` is what ``manage.py signingkeys`` does to a directory.
"""

from jwt_sessions.keys.key import Key, Signer
from jwt_sessions.keys.keyring import Keyring, KeyState
from jwt_sessions.keys.loading import (
    find_key,
    find_refresh_key,
    get_issuer_keyring,
    get_keyring,
)

__all__ = [
    "Key",
    "KeyState",
    "Keyring",
    "Signer",
    "find_key",
    "find_refresh_key",
    "get_issuer_keyring",
    "get_keyring",
]
