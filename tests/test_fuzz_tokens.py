"""Made-up tokens at a protected view: whoever is let in has a good one, and whoever has one is.

What a good token is stands here a second time, in other words than in the app.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.forging import encode, header_of
from tests.people import Device, claims_of
from tests.test_fuzz import json_values

SECRET = "the secret of these tests, which is long enough for HS256"
ISSUER = "https://issuer.example"
LEEWAY, LIFETIME = 10, 300  # seconds, by default
LATEST = 253_402_300_799  # the end of the year 9999


def read_segment(segment):
    data = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if urlsafe_b64encode(data).decode().rstrip("=") != segment:
        raise ValueError("there is another spelling, which is the right one")
    return data


def read_object(segment):
    def refuse(*what):
        raise ValueError(what)

    def without_repetition(pairs):
        return dict(pairs) if len({name for name, _ in pairs}) == len(pairs) else refuse(pairs)

    text = read_segment(segment).decode("utf-8")
    value = json.loads(text, object_pairs_hook=without_repetition, parse_constant=refuse)
    return value if isinstance(value, dict) else refuse(value)


def is_time(value):
    return type(value) in {int, float} and 0 <= value <= LATEST


@dataclass(frozen=True)
class Oracle:
    """What a good access token is: RFC 7515, RFC 8725, RFC 9068, and that its session lives."""

    kid: str
    sub: str
    sid: str
    now: float

    def is_good(self, token):
        if len(token) > 8192 or not re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", token, re.ASCII):
            return False
        header, payload, signature = token.split(".")
        expected = hmac.digest(SECRET.encode(), f"{header}.{payload}".encode(), "sha256")
        try:
            return (
                read_segment(signature) == expected
                and self.is_header(read_object(header))
                and self.are_claims(read_object(payload))
            )
        except ValueError:
            return False

    def is_header(self, header):
        typ = header.get("typ")
        return (
            isinstance(typ, str)
            and typ.lower() in {"at+jwt", "application/at+jwt"}
            and header.get("alg") == "HS256"
            and header.get("kid") == self.kid
            and not {"crit", "b64"} & header.keys()
        )

    def are_claims(self, claims):
        aud, jti = claims.get("aud"), claims.get("jti")
        audiences = [aud] if isinstance(aud, str) else aud
        return (
            claims.get("iss") == ISSUER
            and isinstance(audiences, list)
            and all(isinstance(audience, str) for audience in audiences)
            and ISSUER in audiences
            and self.is_now(claims)
            and (claims.get("sub"), claims.get("sid")) == (self.sub, self.sid)
            and isinstance(jti, str)
            and jti != ""
            and "cnf" not in claims
        )

    def is_now(self, claims):
        times = [claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)]
        if not all(map(is_time, times)):
            return False
        iat, exp, nbf = times
        begins = max(iat, nbf) - LEEWAY
        return begins <= self.now < exp + LEEWAY and exp - iat <= LIFETIME


DROPPED = object()
NAMES = {
    "header": ["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "cty", "zip", ""],
    "claims": [
        *("iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid", "cnf") * 2,
        *("auth_time", "amr", "acr", "user_id", "token_type", "scope", "ISS", ""),
    ],
}


def another(name, value, now):
    """Make up another value for a name: often one that means the same, or nearly."""
    edges = st.sampled_from([-300, -LEEWAY, 0, LEEWAY, LEEWAY + 1, LIFETIME, LIFETIME + 1])
    moments = (edges | st.integers(-320, 320)).map(lambda seconds: now + seconds)
    likely = {
        "typ": st.sampled_from(["AT+JWT", "application/at+jwt", "refresh+jwt", "JWT", "at"]),
        "alg": st.sampled_from(["none", "hs256", "HS384", "ES256"]),
        "aud": st.lists(st.sampled_from([ISSUER, ISSUER, "x", "", 7]), max_size=3),
        "jti": st.text(st.characters(), max_size=40),
        "cnf": st.sampled_from([None, {}, {"jkt": "x"}]),
        **dict.fromkeys(("exp", "iat", "nbf"), moments | moments.map(float) | st.booleans()),
    }
    text = f"{value}"
    near = st.sampled_from([DROPPED, text, f"{text} ", text[:-1], text.upper(), [value]])
    # Chosen before they are joined, so that the many branches of JSON do not crowd them out.
    chosen = st.sampled_from(
        [likely.get(name, near), likely.get(name, json_values), near, json_values]
    )
    return chosen.flatmap(lambda strategy: strategy)


def write_plainly(value):
    return json.dumps(value, separators=(",", ":")).encode()


GOOD_WRITERS = [
    *[write_plainly] * 3,
    lambda value: json.dumps(value, indent=3).encode(),
    lambda value: json.dumps(dict(reversed(value.items()))).encode(),
    lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
]
BAD_WRITERS = [
    lambda value: b"\xef\xbb\xbf" + write_plainly(value),
    lambda value: json.dumps(value).encode("utf-16"),
    lambda value: write_plainly(value)[:-1] + b',"x":NaN}',
    lambda value: write_plainly(value)[:-1] + b',"x":1,"x":1}',
    lambda value: write_plainly(value)[:-1] + b",}",
    lambda value: write_plainly([value]),
]


@st.composite
def bent_parts(draw, token, now, writers):
    """Header and payload of a good token, changed in a few places, and written in some way."""
    parts = {"header": header_of(token), "claims": claims_of(token)}
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 1, 2, 3]))):
        part = draw(st.sampled_from(["header", "claims", "claims"]))
        name = draw(st.sampled_from(NAMES[part]))
        value = draw(another(name, parts[part].get(name), now))
        parts[part][name] = value
        if value is DROPPED:
            del parts[part][name]
    return [encode(draw(writers)(part)) for part in parts.values()]


def with_unused_bits(segments):
    """Write segments in the other way that a lax decoder reads, where they have one."""
    follows = dict(zip("AQgwEIMUYckos048", "BRhxFJNVZdlpt159", strict=True))
    return [
        segment[:-1] + follows.get(segment[-1], segment[-1]) if len(segment) % 4 else segment
        for segment in segments
    ]


@st.composite
def bearers(draw, token, now):
    """A token with a few changes, rightly signed; every third one has a flaw as well."""
    flaw = draw(st.sampled_from([None] * 12 + ["all", "text", "bits", "secret", "mac", "char"]))
    writers = st.sampled_from(BAD_WRITERS if flaw == "text" else GOOD_WRITERS)
    made_up = st.tuples(json_values.map(encode), json_values.map(encode))
    segments = draw(made_up if flaw == "all" else bent_parts(token, now, writers))
    message = ".".join(with_unused_bits(segments) if flaw == "bits" else segments)
    secret = draw(st.sampled_from(["another secret", ""])) if flaw == "secret" else SECRET
    signature = hmac.digest(secret.encode(), message.encode(), "sha256")
    if flaw == "mac":
        signature = draw(st.sampled_from([signature[:-1], signature + b"\0", b"\0", b""]))
    text = f"{message}.{encode(signature)}"
    if flaw != "char":
        return text
    place = draw(st.integers(0, len(text) - 1) | st.just(len(text) - 1))
    char = draw(st.sampled_from("AQgw019-_.=+/") | st.characters(max_codepoint=255))
    return text[:place] + char + text[place + 1 :]


@pytest.mark.proves("P7", "S3", "S8", "S11", "C1", "C4", "C5", "C6", "C7", "C12", "A7")
def test_a_protected_view_lets_in_good_tokens_and_no_others(alice, set_jwt):
    set_jwt(SIGNING_KEY=SECRET)
    device, answers = Device(), Counter()
    device.sign_in(alice)
    good, now = device.access, time.time()
    oracle = Oracle(
        kid=header_of(good)["kid"], sub=str(alice.pk), sid=str(device.session.pk), now=now
    )

    @settings(max_examples=1000)
    @given(bearers(good, now))
    def present(token):
        device.access = token
        response = device.call_protected()
        event(f"answered {response.status_code}")
        answers[response.status_code] += 1
        if oracle.is_good(token):
            assert response.status_code == 200
        else:
            assert response.status_code == 401
            assert response.json()["code"] in {"token_not_valid", "bad_authorization_header"}

    present()
    assert min(answers[200], answers[401]) > 100
