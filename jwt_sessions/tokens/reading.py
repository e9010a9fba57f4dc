"""Reading a signed token strictly, in one straight line from cheap to dear.

Each refusal is a ``ValueError`` with a reason of its own.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jwt_sessions import claims
from jwt_sessions.conf import conf, until_settings_change
from jwt_sessions.keys.keyring import has_ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_sessions.keys import Key, Keyring

MAX_LENGTH: Final = 8192
COMPACT_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings ask of a token, put together once for each set of settings."""

    issuer: str
    audiences: frozenset[str]
    leeway: float
    access_token_lifetime: int


@until_settings_change
def rules() -> Rules:
    """Return the rules in force. Times are in seconds."""
    return Rules(
        issuer=conf.ISSUER,
        audiences=frozenset(conf.AUDIENCE),
        leeway=conf.LEEWAY.total_seconds(),
        access_token_lifetime=math.ceil(conf.ACCESS_TOKEN_LIFETIME.total_seconds()),
    )


def read_signed(
    text: str, *, typ: str, keyring: Keyring, find: Callable[[str], Key | None], now: float
) -> dict[str, Any]:
    """Return the payload of a JWS in compact form (RFC 7515 section 3.1) of one `typ`.

    A header that is spelled as we spell it names its key by a look into `keyring`; any other is
    read, and its key asked of `find`. `now` is in seconds.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError("too_long")
    # No padding, no blank, no second spelling of the separators; five segments are a JWE.
    if not COMPACT_FORM.fullmatch(text):
        raise ValueError("not_compact")
    message, _, signature = text.rpartition(".")
    header, _, payload = message.partition(".")
    key = keyring.find_by_header(header, typ) or _read_header(header, typ=typ, find=find)
    if has_ended(key, now):
        raise ValueError("retired_key")
    if not key.is_signature(claims.decode_segment(signature), message.encode()):
        raise ValueError("bad_signature")
    return claims.decode_object(payload)


def _read_header(segment: str, *, typ: str, find: Callable[[str], Key | None]) -> Key:
    """Return the key that a header names."""
    header = claims.decode_object(segment)
    # Each kind of token has a type of its own and is useless as another (RFC 8725 section 3.11).
    if claims.read_text(header, "typ").lower().removeprefix("application/") != typ:
        raise ValueError("wrong_typ")
    # Extensions that must be understood: we understand none (RFC 7515 section 4.1.11).
    if "crit" in header or "b64" in header:
        raise ValueError("crit")
    # The key is chosen by `kid` among our own alone; jku, jwk and x5c are not even looked at.
    key = find(claims.read_text(header, "kid"))
    if key is None:
        raise ValueError("unknown_kid")
    # The key decides the algorithm, the token may only agree (RFC 8725 section 3.1).
    if header.get("alg") != key.algorithm:
        raise ValueError("wrong_alg")
    return key


def check_issuer(payload: dict[str, Any], issuer: str) -> None:
    """Compare `iss` as a string, never in part (RFC 9068 section 4)."""
    if payload.get("iss") != issuer:
        raise ValueError("wrong_issuer")


def check_audience(payload: dict[str, Any], audiences: frozenset[str]) -> None:
    """Match an audience as a whole, never as a part of a string (RFC 8725 section 3.9)."""
    if claims.read_audience(payload).isdisjoint(audiences):
        raise ValueError("wrong_audience")


def check_times(payload: dict[str, Any], *, now: float, leeway: float) -> tuple[float, float]:
    """Judge exp, iat and nbf with one skew for all three; return iat and exp, in seconds."""
    issued_at, expires_at = claims.read_time(payload, "iat"), claims.read_time(payload, "exp")
    if now >= expires_at + leeway:
        raise ValueError("expired")
    if issued_at > now + leeway:
        raise ValueError("issued_in_the_future")
    if "nbf" in payload and claims.read_time(payload, "nbf") > now + leeway:
        raise ValueError("not_yet_valid")
    return issued_at, expires_at
