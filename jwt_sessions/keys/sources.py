"""Where keys come from: what SIGNING_KEYS and its like may say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.utils.module_loading import import_string

from jwt_sessions.conf import conf, until_settings_change
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.directory import Found, read_directory, read_text
from jwt_sessions.keys.key import signed_elsewhere
from jwt_sessions.keys.material import derive_key, parse_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jwt_sessions.keys.key import Key, Signer

    Reader = Callable[["Found", Any, Mapping[str, Any]], Iterator[Key]]

# What may stand beside the one word that says where a key is.
OPTIONS: Final = {"algorithm", "kid", "signs_from"}

# How variables, paths, Python's objects, algorithms and times are written. A text that looks unlike
# them all may be a key, put where its name should stand, and no message quotes it.
A_NAME: Final = re.compile(
    r"[^\n{]{,31}|[/~][^\n{]*|[^\n{]*\.[^\n{]*|[A-Z0-9_]+|[a-z0-9_/-]+[_/-][a-z0-9_/-]*"
)

# Every token carries the id of its key.
LONGEST_KID: Final = 255  # characters


def read_sources(sources: Sequence[Any], *, setting: str) -> Found:
    """Return the keys that a setting names.

    A bad file in a directory is a complaint and keeps no other key from its work; anything else
    that cannot be read raises ``BadKey``.
    """
    found = Found()
    for number, source in enumerate(sources):
        try:
            found.keys += _read_source(source, found)
        except BadKey as error:
            raise BadKey(f"{setting}[{number}]: {error}") from error
        # A value of a kind that nobody thought of, or a mistake in what the project wrote.
        except Exception as error:
            raise BadKey(f"{setting}[{number}] failed: {type(error).__name__}") from error
    return found


def _read_source(source: Any, found: Found) -> Iterator[Key]:
    if not isinstance(source, Mapping):
        raise BadKey("it is no dict")
    kinds = [word for word in source if word not in OPTIONS]
    if len(kinds) != 1 or kinds[0] not in READERS:
        named = sorted(str(word) for word in kinds if A_NAME.fullmatch(str(word)))
        raise BadKey(f"it must have exactly one of {', '.join(READERS)}, and has {named}")
    (kind,) = kinds
    for word in source.keys() - {"key", "kid"}:
        if isinstance(source[word], str) and not A_NAME.fullmatch(source[word]):
            raise BadKey(f'{word} is no name; a key itself is a "key"')
    signs_from = _read_begin(source.get("signs_from"))
    for word in ("kid", "algorithm"):
        if not isinstance(text := source.get(word, word), str) or not text:
            raise BadKey(f"{word} is no text")
    for key in READERS[kind](found, source[kind], source):
        kid = source.get("kid", key.kid)
        if not 0 < len(kid) <= LONGEST_KID:
            raise BadKey(f"a kid has {len(kid)} characters, not 1 to {LONGEST_KID}")
        changes = {
            "kid": kid,
            "signs_from": key.signs_from if signs_from is None else signs_from,
            "origin": key.origin or _origin(kind, source[kind]),
        }
        yield replace(key, **changes)


def _origin(kind: str, value: Any) -> str:
    written_here = {"key": "settings", "secret_key": "SECRET_KEY"}
    return written_here.get(kind) or f"{kind} {_name_of(value)}"


def _name_of(value: Any) -> str:
    """Return how to call what a source names; an object may show more of itself than it should."""
    if isinstance(value, str | Path):
        return str(value)
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _read_begin(value: Any) -> float | None:
    """Return a moment as seconds since 1970, given as a datetime or in ISO 8601."""
    if value is None:
        return None
    try:
        begin = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise BadKey(f"signs_from is {value!r}, which is no time") from error
    if not isinstance(begin, datetime) or begin.tzinfo is None:
        raise BadKey(f"signs_from is {value!r}, not a moment with its time zone")
    return begin.timestamp()


def _from_key(found: Found, value: Any, options: Mapping[str, Any]) -> Iterator[Key]:
    if not isinstance(value, str | bytes):
        raise BadKey("a key is text or bytes")
    yield from parse_keys(value, options.get("algorithm"))


def _from_env(found: Found, value: Any, options: Mapping[str, Any]) -> Iterator[Key]:
    material = os.environ.get(value, "").strip()
    if not material:
        raise BadKey(f"the environment variable {value} is not set")
    if "-----BEGIN" in material:
        # Where a variable takes one line only, people write the ends of lines as \n.
        material = material.replace("\\n", "\n")
    yield from _from_key(found, material, options)


def _from_file(found: Found, value: Any, options: Mapping[str, Any]) -> Iterator[Key]:
    yield from _from_key(found, read_text(Path(value)), options)


def _from_directory(found: Found, value: Any, options: Mapping[str, Any]) -> Iterator[Key]:
    listed = read_directory(Path(value))
    found.complaints += listed.complaints
    found.unreadable |= listed.unreadable
    yield from listed.keys


def _from_callable(found: Found, value: Any, options: Mapping[str, Any]) -> Iterator[Key]:
    function = _import(value)
    try:
        sources = function()
        if isinstance(sources, Iterable) and not isinstance(sources, Mapping | str | bytes):
            # One by one they may take their time, and fail, as the function itself.
            sources = list(sources)
    except Exception as error:
        raise BadKey(f"{_name_of(value)} failed: {type(error).__name__}") from error
    if isinstance(sources, Mapping | str | bytes):
        sources = [sources]
    if not isinstance(sources, Iterable):
        raise BadKey(f"{_name_of(value)} returned no keys")
    for source in sources:
        written = {"key": source} if isinstance(source, str | bytes) else source
        yield from _read_source(written, found)


def _from_signer(found: Found, value: Any, options: Mapping[str, Any]) -> Iterator[Key]:
    signer = _signer(value)
    try:
        keys = parse_keys(signer.public_key, signer.algorithm)
    except AttributeError as error:
        raise BadKey("a signer has algorithm, public_key and sign()") from error
    for key in keys:
        if key.can_sign:
            raise BadKey("public_key of the signer is a private key")
        yield signed_elsewhere(key, signer)


@until_settings_change
def _signer(value: Any) -> Signer:
    """Return the signer, which a class or a function makes once for each process."""
    signer: Any = _import(value)
    try:
        made: Signer = signer() if callable(signer) else signer
    except Exception as error:
        raise BadKey(f"{_name_of(value)} failed: {type(error).__name__}") from error
    return made


def _from_secret_key(found: Found, value: Any, options: Mapping[str, Any]) -> Iterator[Key]:
    if value is not True:
        raise BadKey("write True, and SECRET_KEY is looked up")
    for secret_key in conf.secret_keys:
        yield derive_key(secret_key)


def _import(value: Any) -> Any:
    try:
        return import_string(value) if isinstance(value, str) else value
    except Exception as error:
        raise BadKey(f"{value} cannot be imported: {type(error).__name__}") from error


READERS: Final[dict[str, Reader]] = {
    "key": _from_key,
    "env": _from_env,
    "file": _from_file,
    "directory": _from_directory,
    "callable": _from_callable,
    "signer": _from_signer,
    "secret_key": _from_secret_key,
}
