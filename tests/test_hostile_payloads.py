"""Tokens of attackers: how header and payload are written, and what the times say.

Most are signed by the right key, as if it were the last thing that stood between them and us.
"""

from __future__ import annotations

import json
import zlib
from datetime import timedelta

import pytest

from jwt_sessions.tokens import parse_access_token
from tests.forging import forge, header_of, reason, sign, why_refused
from tests.people import claims_of

proves = pytest.mark.proves


# How it is written


@proves("S11")
@pytest.mark.parametrize(
    "again",
    [
        b'"alg":"none"',
        b'"alg":"HS256"',
        rb'"\u0061lg":"none"',
        b'"kid":"other"',
        b'"typ":"refresh+jwt"',
        b'"x":{"y":1,"y":1}',
    ],
)
def test_a_header_that_says_a_thing_twice_is_refused(token, again):
    header = json.dumps(header_of(token)).encode()[1:-1]
    for first, second in [(header, again), (again, header)]:
        assert reason(sign(b"{" + first + b"," + second + b"}", claims_of(token))) == "bad_json"


@proves("S11")
@pytest.mark.parametrize(
    "twice",
    [
        b'"sub":"1","sub":"2"',
        b'"exp":1,"exp":1',
        rb'"s\u0075b":"2"',
        b'"x":{"y":1,"y":2}',
        b'"x":[{"y":1,"y":1}]',
    ],
)
def test_a_payload_that_says_a_thing_twice_is_refused_at_any_depth(token, twice):
    payload = json.dumps(claims_of(token)).encode()
    assert reason(forge(token, raw_payload=payload[:-1] + b"," + twice + b"}")) == "bad_json"


@proves("S11")
def test_a_name_in_other_letters_is_another_name(token):
    shouted = {name.upper(): value for name, value in header_of(token).items()}
    assert reason(sign(shouted, claims_of(token))) == "bad_typ"
    assert parse_access_token(forge(token, header={"ALG": "none", "Crit": ["x"]}))


def of_length(token, length):
    """Return a good token of exactly so many characters."""
    header, filled = json.dumps(header_of(token)).encode(), (length - len(token)) * 3 // 4
    return next(
        text
        for blanks in range(3)
        for filler in range(filled - 40, filled)
        if len(text := sign(header + b" " * blanks, {**claims_of(token), "x": "y" * filler}))
        == length
    )


@proves("S11")
def test_a_token_of_8192_characters_is_read_and_a_longer_one_is_not(token):
    assert parse_access_token(of_length(token, 8192))
    assert reason(of_length(token, 8193)) == "too_long"


@proves("S11")
@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_huge_segment_is_refused_by_its_length_alone(token, segment):
    segments = token.split(".")
    segments[segment] *= 100_000
    assert reason(".".join(segments)) == "too_long"


@proves("S2")
def test_a_compressed_payload_is_not_unpacked(token):
    bomb = zlib.compress(json.dumps(claims_of(token)).encode() + b" " * 1_000_000)
    bent = sign({**header_of(token), "zip": "DEF"}, bomb)
    assert reason(bent) == "bad_json"


# Times


def with_number(token, name, number):
    """Return the token with a claim that is written as no JSON writer would."""
    payload = json.dumps({**claims_of(token), name: "HERE"})
    return forge(token, raw_payload=payload.replace('"HERE"', number).encode())


@proves("C7", "S11")
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("NaN", "bad_json"),
        ("Infinity", "bad_json"),
        ("-Infinity", "bad_json"),
        ("nan", "bad_json"),
        ("inf", "bad_json"),
        ("1e400", "bad_{}"),
        ("-1e400", "bad_{}"),
        ("1e308", "bad_{}"),
        ("1" + "0" * 4_000, "bad_{}"),
        ("-1" + "0" * 4_000, "bad_{}"),
        ("1" + "0" * 4_400, "bad_json"),
        ("253402300800", "bad_{}"),
        ("-1", "bad_{}"),
        ("-0.001", "bad_{}"),
        ("-1e-300", "bad_{}"),
        ("true", "bad_{}"),
        ("false", "bad_{}"),
        ("null", "bad_{}"),
        ('"1795435500"', "bad_{}"),
        ('"１７９５４３５５００"', "bad_{}"),
        ('"NaN"', "bad_{}"),
        ("[1795435500]", "bad_{}"),
        ('{"": 1795435500}', "bad_{}"),
        ("１７９５４３５５００", "bad_json"),
        ("١٧٩٥٤٣٥٥٠٠", "bad_json"),
        ("0x6B049FAC", "bad_json"),
        ("01795435500", "bad_json"),
        ("+1795435500", "bad_json"),
        ("1_795_435_500", "bad_json"),
        ("1795435500.", "bad_json"),
        (".5", "bad_json"),
        ("", "bad_json"),
    ],
    ids=lambda value: value[:20],
)
def test_c7_a_time_is_a_number_of_json_and_a_moment(token, name, number, expected):
    assert reason(with_number(token, name, number)) == expected.format(name)


@proves("C7")
@pytest.mark.parametrize("number", ["1795435500.0", "1795435499.75", "17954355e2", "1.7954355E+9"])
def test_c7_a_time_may_be_written_as_json_may_write_it(token, clock, number):
    assert parse_access_token(with_number(token, "exp", number))


@proves("C7")
@pytest.mark.parametrize("zero", ["0", "-0", "0.0", "-0.0", "1e-400"])
def test_c7_the_first_moment_of_all_is_long_past(token, zero):
    assert reason(with_number(token, "exp", zero)) == "expired"


@proves("C8")
@pytest.mark.parametrize(
    ("late", "expected"),
    [(0, None), (9, None), (9.5, None), (10, "expired"), (10.5, "expired"), (11, "expired")],
)
def test_c8_a_token_works_until_exp_and_its_leeway_are_over(token, clock, late, expected):
    clock.shift(300 + late)
    assert why_refused(token) == expected


@proves("C8")
@pytest.mark.parametrize("leeway", [0, 1, 30])
@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_c8_a_token_begins_its_leeway_before_iat_and_nbf(token, set_jwt, name, leeway):
    set_jwt(LEEWAY=timedelta(seconds=leeway))
    now = claims_of(token)["iat"]
    expected = {"iat": "issued_in_the_future", "nbf": "not_yet_valid"}[name]
    for early, refused in [(leeway, None), (leeway + 0.5, expected), (leeway + 1, expected)]:
        bent = forge(token, claims={"iat": now, name: now + early, "exp": now + 100})
        assert why_refused(bent) == refused


@proves("C8")
def test_c8_without_leeway_a_token_is_over_at_exp(token, set_jwt, clock):
    set_jwt(LEEWAY=timedelta(0))
    clock.shift(299.5)
    assert why_refused(token) is None
    clock.shift(0.5)
    assert why_refused(token) == "expired"
