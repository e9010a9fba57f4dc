"""Key files in a directory, as a secret is mounted or ``signingkeys`` writes them.

``20261124T083600Z.ES256.kPrK_qmx.pem`` holds a key that signs from that moment (UTC) on. All parts
but the ending may be missing: without a time a key has always signed, without an algorithm it is
the usual one of such a key. A ``.pem`` holds a private or a public key, a ``.jwk`` a JWK, and a
``.secret`` the text of an HMAC secret.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from django.core.files import locks

from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.algorithms import ALGORITHMS
from jwt_sessions.keys.material import parse_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwt_sessions.keys.key import Key

ENDINGS: Final = (".pem", ".jwk", ".secret")
TIME: Final = re.compile(r"\d{8}T\d{6}Z")
TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"

# A key file is no larger; what is, is something else.
MAX_SIZE: Final = 65_536  # characters

# Nobody but the owner: the mode of a new directory, and of a file in it.
DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600


@dataclass
class Found:
    """The keys that were found, and the complaints about files that are none.

    `unreadable` are files that are there and could not be read, which says nothing of their keys.
    """

    keys: list[Key] = field(default_factory=list)
    complaints: list[BadKey] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)


class Unreadable(BadKey):
    """A file is there, and cannot be read."""


def read_directory(directory: Path) -> Found:
    """Return the keys in a directory, the highest name first.

    A bad file is a complaint and keeps no other key from its work. Raises ``BadKey`` where the
    directory itself cannot be read.
    """
    found = Found()
    for path in list_files(directory):
        try:
            found.keys.append(read_file(path))
        except BadKey as error:
            if not os.path.lexists(path):
                continue  # deleted since it was listed
            found.complaints.append(BadKey(f"{path}: {error}"))
            if isinstance(error, Unreadable):
                found.unreadable.add(str(path))
    return found


def list_files(directory: Path) -> list[Path]:
    """Return the key files, the highest name first. Raises ``BadKey``."""
    try:
        names = os.listdir(directory)  # noqa: PTH208 - names are all that is asked
    except OSError as error:
        raise BadKey(f"the directory {directory} cannot be read: {error.strerror}") from error
    # A mounted secret keeps what it is about to replace under names that begin with a dot.
    ours = (name for name in names if name.endswith(ENDINGS) and not name.startswith("."))
    return [directory / name for name in sorted(ours, reverse=True)]


def read_file(path: Path) -> Key:
    """Return the key in a file, with what its name says of it. Raises ``BadKey``."""
    signs_from, algorithm = _read_name(path)
    keys = parse_keys(read_text(path), algorithm)
    if len(keys) != 1:
        raise BadKey(f"there are {len(keys)} keys in it")
    return replace(keys[0], signs_from=signs_from, origin=str(path))


def read_text(path: Path) -> str:
    """Return what a file of keys says, without the blanks around it. Raises ``BadKey``."""
    try:
        # A pipe would keep whoever reads it waiting.
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadKey(f"{path} is no file")
        # A byte order mark belongs to the file, not to the key.
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_SIZE + 1)
    except FileNotFoundError as error:
        raise BadKey(f"{path} cannot be read: there is nothing") from error
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadKey(f"{path} is no text") from error
    if len(text) > MAX_SIZE:
        raise BadKey(f"{path} is too large for a file of keys")
    return text.strip()


def write_file(directory: Path, key: Key, text: str) -> Path:
    """Write a new key file that only its owner may read, all of it or nothing; return its path."""
    path = directory / _name(key)
    # It is read under the names of keys alone, so nobody sees half of it.
    unfinished = directory / f".{path.name}.{os.getpid()}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    return path


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let one process at a time, of any host that mounts the directory, change what is in it."""
    with (directory / ".lock").open("a") as file:
        locks.lock(file, locks.LOCK_EX)
        yield


def _name(key: Key) -> str:
    begin = "" if key.signs_from is None else datetime.fromtimestamp(key.signs_from, tz=UTC)
    time = f"{begin:{TIME_FORMAT}}." if begin else ""
    ending = "secret" if key.is_symmetric else "pem"
    return f"{time}{key.algorithm}.{key.kid[:8]}.{ending}"


def _read_name(path: Path) -> tuple[float | None, str | None]:
    first, *others = path.name.split(".")
    algorithm = next((part for part in (first, *others) if part in ALGORITHMS), None)
    if not TIME.fullmatch(first):
        return None, algorithm
    try:
        signs_from = datetime.strptime(first, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadKey(f"there is no such time as {first}") from error
    return signs_from.timestamp(), algorithm
