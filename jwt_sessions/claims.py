"""Claim names, their values, and strict readers of a token's JSON. Standard library only.

Every reader raises ``ValueError`` whose text is a reason in snake_case.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final, NoReturn
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Values of the `typ` header (RFC 8725 section 3.11). The first is RFC 9068's, the others our own.
TYP_ACCESS: Final = "at+jwt"
TYP_REFRESH: Final = "refresh+jwt"
TYP_MFA: Final = "mfa+jwt"

# What we write into an access token or refuse in one.
RESERVED_CLAIMS: Final = frozenset(
    {
        *("iss", "aud", "sub", "exp", "nbf", "iat", "jti"),
        *("sid", "auth_time", "amr", "acr", "cnf", "generation"),
    }
)
# Registered names (IANA, JSON Web Token Claims) by which other kinds of token say what they are or
# prove: whoever reads them would take an access token of ours for one of those.
CLAIMS_OF_OTHER_TOKENS: Final = frozenset(
    {
        *("nonce", "azp", "at_hash", "c_hash", "s_hash", "sub_jwk"),  # ID tokens
        *("act", "may_act"),  # RFC 8693: somebody acts for somebody else
        *("events", "toe", "sub_id"),  # RFC 8417, RFC 9493: security events
        *("status", "status_list"),  # status lists
        *("htm", "htu", "ath"),  # RFC 9449: proofs of possession
        *("_claim_names", "_claim_sources", "_sd", "_sd_alg", "vct"),  # claims kept elsewhere
    }
)

# Values of `amr` (RFC 8176 section 2).
AMR_PASSWORD: Final = "pwd"
AMR_ONE_TIME_CODE: Final = "otp"
AMR_SMS: Final = "sms"
AMR_MULTIPLE_FACTORS: Final = "mfa"

# Values of `acr`: how many factors, named after NIST SP 800-63B's assurance levels.
ACR_ONE_FACTOR: Final = "aal1"
ACR_TWO_FACTORS: Final = "aal2"

CANONICAL_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

# 9999-12-31T23:59:59Z: the last second that datetime can hold.
LATEST_TIME: Final = 253_402_300_799


def add_factor(amr: Iterable[str], proven: Iterable[str]) -> list[str]:
    """Return the methods in `amr` together with a second factor that was `proven`."""
    return list(dict.fromkeys([*amr, *proven, AMR_MULTIPLE_FACTORS]))


def without_factors(amr: Iterable[str]) -> list[str]:
    """Return the methods in `amr` but for those of a second factor."""
    of_factors = {AMR_ONE_TIME_CODE, AMR_SMS, AMR_MULTIPLE_FACTORS}
    return [method for method in amr if method not in of_factors]


def acr_of(amr: Iterable[str]) -> str:
    """Return the `acr` that these methods add up to."""
    return ACR_TWO_FACTORS if AMR_MULTIPLE_FACTORS in amr else ACR_ONE_FACTOR


def encode_segment(data: bytes) -> str:
    """Return `data` as base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_segment(segment: str) -> bytes:
    """Return the bytes behind a segment of ``A-Za-z0-9-_``, which spells them in the one way.

    base64url leaves bits unused at the end; a decoder that ignores them takes several texts for
    the same.
    """
    try:
        data = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError as error:
        raise ValueError("bad_base64") from error
    if encode_segment(data) != segment:
        raise ValueError("bad_base64")
    return data


COMPACT_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def encode_object(value: Mapping[str, Any]) -> str:
    """Return a JSON object as a segment. Raises ``ValueError`` for NaN and Infinity."""
    return encode_segment(COMPACT_JSON.encode(value).encode())


def decode_object(segment: str) -> dict[str, Any]:
    """Return the JSON object in a segment.

    UTF-8 only, no duplicate names, no NaN or Infinity (RFC 8725 section 3.7, RFC 7519 section 4).
    """
    data = decode_segment(segment)
    try:
        value = STRICT_JSON.decode(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("json_too_deep") from error
    except ValueError as error:
        raise ValueError("bad_json") from error
    if not isinstance(value, dict):
        raise ValueError("not_an_object")
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


STRICT_JSON: Final = json.JSONDecoder(
    object_pairs_hook=_unique_names, parse_constant=_refuse_constant
)


def read_text(claims: Mapping[str, Any], name: str) -> str:
    """Return a non-empty string."""
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"bad_{name}")
    return value


def read_time(claims: Mapping[str, Any], name: str) -> float:
    """Return a NumericDate (RFC 7519 section 2): finite seconds between 1970 and 9999."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"bad_{name}")
    if not 0 <= value <= LATEST_TIME:  # false for NaN and Infinity too
        raise ValueError(f"bad_{name}")
    return value


def read_uuid(claims: Mapping[str, Any], name: str) -> UUID:
    """Return a UUID that is spelled in the one canonical way (RFC 9562 section 4)."""
    value = claims.get(name)
    uuid = parse_uuid(value) if isinstance(value, str) else None
    if uuid is None:
        raise ValueError(f"bad_{name}")
    return uuid


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID that `text` spells canonically, or None; ``UUID()`` itself is lenient."""
    return UUID(text) if CANONICAL_UUID.fullmatch(text) else None


def read_generation(claims: Mapping[str, Any], name: str = "generation") -> int:
    """Return a whole number from 0 to 2^31 - 1."""
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(f"bad_{name}")
    return value


def read_audience(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return `aud` as a set, given as a string or a list of strings (RFC 7519 section 4.1.3)."""
    value = claims.get("aud")
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise ValueError("bad_aud")
    return frozenset(values)
