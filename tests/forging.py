"""Tokens made by hand: bent, and yet signed by the right key."""

from __future__ import annotations

import json
import time

import pytest

from jwt_sessions.claims import decode_segment, encode_segment
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.keys import get_keyring
from jwt_sessions.tokens import parse_access_token


def signing_key():
    return get_keyring().signing_key(time.time())


def encode(part):
    """Return a segment of anything that JSON can say, or of bytes as they are."""
    return encode_segment(part if isinstance(part, bytes) else json.dumps(part).encode())


def sign(header, payload, key=None):
    """Return a token of any header and payload."""
    message = f"{encode(header)}.{encode(payload)}"
    return f"{message}.{encode_segment((key or signing_key()).sign(message.encode()))}"


def header_of(token):
    return json.loads(decode_segment(token.split(".")[0]))


def forge(token, *, header=None, claims=None, drop=(), raw_payload=None, key=None):
    """Bend a good token and sign it with the right key, as if we had minted it so."""
    new_header = {**header_of(token), **(header or {})}
    new_claims = {**json.loads(decode_segment(token.split(".")[1])), **(claims or {})}
    for name in drop:
        new_header.pop(name, None)
        new_claims.pop(name, None)
    return sign(new_header, new_claims if raw_payload is None else raw_payload, key)


def reason(token, parse=parse_access_token):
    """Return why a token is refused."""
    with pytest.raises(InvalidToken) as refusal:
        parse(token)
    return refusal.value.reason


def why_refused(token, parse=parse_access_token):
    """Return why a token is refused, or None where it is not."""
    try:
        parse(token)
    except InvalidToken as error:
        return error.reason
    return None
