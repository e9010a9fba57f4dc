"""Read one access token, again and again: no HTTP, no database.

Beside us stands bare ``jwt.decode`` with a key that is parsed already. Each of the two judges
signature, times, issuer and audience.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jwt

from benchmarks.access_tokens import access_token
from benchmarks.keys import fresh_key
from benchmarks.settings import JWT_SESSIONS
from jwt_sessions.tokens import parse_access_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.sides import Side


def steps(side: Side, *, algorithm: str) -> Iterator[Callable[[], object]]:
    """Yield readings, all of the same token."""
    token = access_token(algorithm)
    read = partial(parse_access_token, token) if side.is_ours else _decoding(token, algorithm)
    while True:
        yield read


def _decoding(token: str, algorithm: str) -> Callable[[], object]:
    return partial(
        jwt.decode,
        token,
        fresh_key(algorithm).verifying,
        algorithms=[algorithm],
        issuer=JWT_SESSIONS["ISSUER"],
        audience=JWT_SESSIONS["ISSUER"],
    )
