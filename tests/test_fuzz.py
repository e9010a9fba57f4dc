"""Whatever is made up as input, the answer is a refusal of ours and nothing worse."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from jwt_sessions.clients import clean_text, parse_address
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.tokens import parse_access_token, parse_refresh_token
from tests.forging import encode, sign, signing_key

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
names = st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid", "cnf"])
payloads = st.dictionaries(names, json_values) | json_values


def refused(parse, text):
    with suppress(InvalidToken):
        parse(text)
        return False
    return True


@given(st.text() | st.text(alphabet="abcXYZ019-_.=").map(lambda text: f"eyJ{text}.e30.e30"))
def test_no_text_is_taken_for_a_token(text):
    assert refused(parse_access_token, text)
    assert refused(parse_refresh_token, text)


@given(payloads, st.sampled_from(["at+jwt", "refresh+jwt"]))
def test_no_payload_made_up_and_rightly_signed_is_taken(payload, typ):
    key = signing_key()
    token = sign({"alg": key.algorithm, "kid": key.kid, "typ": typ}, payload)
    assert refused(parse_access_token, token)
    assert refused(parse_refresh_token, token)


@given(json_values)
def test_no_header_made_up_is_taken(header):
    assert refused(parse_access_token, f"{encode(header)}.{encode({})}.AAAA")


@given(st.text())
def test_any_text_is_cleaned_to_something_printable(text):
    cleaned = clean_text(text, 100)
    assert len(cleaned) <= 100
    assert cleaned == clean_text(cleaned, 100)
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned


@given(st.text() | st.ip_addresses().map(str))
def test_any_text_is_an_address_in_one_spelling_or_none(text):
    address = parse_address(text)
    assert address is None or parse_address(address) == address
