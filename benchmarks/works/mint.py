"""Mint access tokens of one session: no HTTP, no database.

Beside us stands bare ``jwt.encode`` with a key that is parsed already, and with the claims and the
header of such a token, ready made.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jwt

from benchmarks.access_tokens import access_token, minting
from benchmarks.keys import fresh_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.sides import Side


def steps(side: Side, *, algorithm: str) -> Iterator[Callable[[], object]]:
    """Yield mintings, all of the same session."""
    mint = minting() if side.is_ours else _encoding(algorithm)
    while True:
        yield mint


def _encoding(algorithm: str) -> Callable[[], object]:
    token = access_token(algorithm)
    claims = jwt.decode(token, options={"verify_signature": False})
    headers = jwt.get_unverified_header(token)
    return partial(jwt.encode, claims, fresh_key(algorithm).signing, algorithm, headers=headers)
