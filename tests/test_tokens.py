"""A token is read strictly: each way to bend one is refused for a reason of its own."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.claims import decode_segment, encode_segment
from jwt_sessions.tokens import parse_access_token, parse_refresh_token
from tests.forging import forge, reason
from tests.people import claims_of

proves = pytest.mark.proves


@pytest.fixture
def pair(alice):
    return sessions.start(alice)


def test_a_token_forged_with_the_right_key_and_unbent_is_accepted(pair):
    assert parse_access_token(forge(pair.access)).sid == pair.session.pk
    assert parse_refresh_token(forge(pair.refresh)).generation == 0


@proves("S1", "S2")
@pytest.mark.parametrize(
    ("bend", "expected"),
    [
        (lambda token: "", "not_compact"),
        (lambda token: token + "=", "not_compact"),
        (lambda token: token + "\n", "not_compact"),
        (lambda token: " " + token, "not_compact"),
        (lambda token: token.replace(".", "", 1), "not_compact"),
        (lambda token: token.rpartition(".")[0] + ".", "not_compact"),
        (lambda token: token + ".e.f", "not_compact"),
        (lambda token: token + "é", "not_compact"),
        (lambda token: token + "A" * 8192, "too_long"),
        (lambda token: "A.A.A", "bad_base64"),
        (lambda token: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"), "bad_signature"),
    ],
)
def test_only_the_compact_form_with_a_right_signature_is_read(pair, bend, expected):
    assert reason(bend(pair.access)) == expected


@pytest.mark.parametrize("begin", [b"", b"a", b"aa"])
def test_whatever_byte_a_segment_ends_with_is_read_again(begin):
    for last in range(256):
        data = begin + bytes([last])
        assert decode_segment(encode_segment(data)) == data


@proves("S3", "S4", "S7", "S8", "C1", "C2")
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"alg": "none"}, "wrong_alg"),
        ({"alg": "hs256"}, "wrong_alg"),
        ({"alg": "HS512"}, "wrong_alg"),
        ({"alg": None}, "wrong_alg"),
        ({"kid": "another"}, "unknown_kid"),
        ({"kid": "../../etc/passwd"}, "unknown_kid"),
        ({"kid": "' OR 1=1 --\x00"}, "unknown_kid"),
        ({"kid": ["a"]}, "bad_kid"),
        ({"kid": ""}, "bad_kid"),
        ({"typ": "JWT"}, "wrong_typ"),
        ({"typ": "refresh+jwt"}, "wrong_typ"),
        ({"typ": 7}, "bad_typ"),
        ({"crit": ["exp"]}, "crit"),
        ({"crit": []}, "crit"),
        ({"b64": False}, "crit"),
    ],
)
def test_a_bent_header_is_refused(pair, header, expected):
    assert reason(forge(pair.access, header=header)) == expected


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_a_header_without_what_it_needs_is_refused(pair, name):
    assert reason(forge(pair.access, drop=[name])) in {"wrong_alg", "bad_kid", "bad_typ"}


@proves("C1")
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
def test_typ_is_compared_as_a_media_type(pair, typ):
    assert parse_access_token(forge(pair.access, header={"typ": typ}))


@proves("S6")
def test_keys_that_a_token_brings_along_are_not_looked_at(pair):
    header = {"jwk": {"kty": "oct", "k": "AAAA"}, "jku": "http://127.0.0.1:9/", "x5c": ["x"]}
    assert parse_access_token(forge(pair.access, header=header))


@proves("C7")
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    [True, "1795435200", None, [], {}, -1, 1e400, 10**400, 253_402_300_800, 1e-400 - 1],
    ids=str,
)
def test_c7_times_are_numbers_in_a_sane_range(pair, name, value):
    expected = {f"bad_{name}", "bad_json"}  # 1e400 is written Infinity, which is no JSON
    assert reason(forge(pair.access, claims={name: value})) in expected


@proves("C7")
@pytest.mark.parametrize(("exp", "expected"), [(0, "expired"), (253_402_300_799, "lives_too_long")])
def test_c7_the_first_and_the_last_second_are_times(pair, exp, expected):
    assert reason(forge(pair.access, claims={"exp": exp})) == expected


@proves("C7")
@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e400", b"1" * 5_000])
def test_c7_numbers_beyond_json_and_reason_are_refused(pair, number):
    payload = json.dumps({**claims_of(pair.access), "exp": 0}).encode()
    bent = payload.replace(b'"exp": 0', b'"exp": ' + number)
    assert reason(forge(pair.access, raw_payload=bent)) in {"bad_json", "bad_exp"}


@proves("C7")
def test_c7_a_token_never_outlives_the_setting(pair, set_jwt):
    exp = claims_of(pair.access)["exp"]
    assert reason(forge(pair.access, claims={"exp": exp + 1})) == "lives_too_long"
    set_jwt(ACCESS_TOKEN_LIFETIME=timedelta(minutes=4))
    assert reason(pair.access) == "lives_too_long"


@proves("C8")
def test_leeway_is_the_same_for_exp_nbf_and_iat(pair, set_jwt):
    now = int(timezone.now().timestamp())
    set_jwt(LEEWAY=timedelta(seconds=3))
    for claims, good in [
        ({"iat": now - 100, "exp": now - 2}, True),
        ({"iat": now - 100, "exp": now - 3}, False),
        ({"iat": now + 3}, True),
        ({"iat": now + 4}, False),
        ({"nbf": now + 3}, True),
        ({"nbf": now + 4}, False),
    ]:
        token = forge(pair.access, claims={"exp": now + 200, **claims})
        if good:
            parse_access_token(token)
        else:
            assert reason(token) in {"expired", "issued_in_the_future", "not_yet_valid"}


@proves("C4", "C5")
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"iss": "https://issuer.example/"}, "wrong_issuer"),
        ({"iss": "https://issuer"}, "wrong_issuer"),
        ({"iss": ["https://issuer.example"]}, "wrong_issuer"),
        ({"aud": "https://issuer.example2"}, "wrong_audience"),
        ({"aud": "issuer"}, "wrong_audience"),
        ({"aud": []}, "wrong_audience"),
        ({"aud": [7]}, "bad_aud"),
        ({"aud": None}, "bad_aud"),
    ],
)
def test_issuer_and_audience_are_matched_whole(pair, claims, expected):
    assert reason(forge(pair.access, claims=claims)) == expected


def test_one_of_several_audiences_is_enough(pair, alice, set_jwt):
    set_jwt(AUDIENCE=["https://api.example", "https://issuer.example"])
    assert parse_access_token(pair.access)
    audiences = claims_of(sessions.start(alice).access)["aud"]
    assert audiences == ["https://api.example", "https://issuer.example"]


@proves("C4")
def test_a_refresh_token_of_another_issuer_is_refused(pair):
    token = forge(pair.refresh, claims={"iss": "https://issuer.example/"})
    assert reason(token, parse_refresh_token) == "wrong_issuer"


@proves("C10")
def test_acr_says_whether_there_were_two_factors(alice):
    claims = claims_of(sessions.start(alice, amr=["pwd", "otp", "mfa"]).access)
    assert (claims["amr"], claims["acr"]) == (["pwd", "otp", "mfa"], "aal2")


def test_a_lifetime_may_end_within_a_second(alice, set_jwt, clock):
    set_jwt(ACCESS_TOKEN_LIFETIME=timedelta(seconds=1.5))
    clock.shift(0.6)
    assert parse_access_token(sessions.start(alice).access)


@proves("C6")
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": 1}, "bad_sub"),
        ({"sub": ""}, "bad_sub"),
        ({"sub": None}, "bad_sub"),
        ({"jti": None}, "bad_jti"),
        ({"sid": "not a uuid"}, "bad_sid"),
        ({"sid": None}, "bad_sid"),
        ({"sid": 7}, "bad_sid"),
        ({"cnf": {"jkt": "x"}}, "sender_constrained"),
    ],
)
def test_bad_identities_are_refused(pair, claims, expected):
    assert reason(forge(pair.access, claims=claims)) == expected


@proves("C6")
@pytest.mark.parametrize("spell", [str.upper, "{{{}}}".format, "urn:uuid:{}".format])
def test_c6_a_sid_has_one_spelling(pair, spell):
    sid = spell(str(pair.session.pk))
    assert reason(forge(pair.access, claims={"sid": sid})) == "bad_sid"
    assert reason(forge(pair.refresh, claims={"sid": sid}), parse_refresh_token) == "bad_sid"


@pytest.mark.parametrize("generation", [-1, 1.0, True, "1", None, 2**31])
def test_a_generation_is_a_whole_number(pair, generation):
    token = forge(pair.refresh, claims={"generation": generation})
    assert reason(token, parse_refresh_token) == "bad_generation"


def test_a_generation_may_be_as_large_as_its_column(pair):
    token = forge(pair.refresh, claims={"generation": 2**31 - 1})
    assert parse_refresh_token(token).generation == 2**31 - 1


@proves("S10", "S11")
@pytest.mark.parametrize(
    "payload",
    [
        b'{"exp": 1, "exp": 2}',
        '{"exp": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b"[" * 3_000,
        b"{'a': 1}",
        b'{"a": NaN}',
        b"{}}",
    ],
)
def test_json_is_read_strictly(pair, payload):
    token = forge(pair.access, raw_payload=payload)
    assert reason(token) in {"bad_json", "json_too_deep"}


def test_json_that_is_no_object_is_refused(pair):
    assert reason(forge(pair.access, raw_payload=b"[1]")) == "not_an_object"


@proves("C2")
def test_the_kinds_of_token_exclude_each_other(pair):
    assert reason(pair.refresh) == "wrong_typ"
    assert reason(pair.access, parse_refresh_token) == "wrong_typ"


@proves("A6")
def test_the_reason_is_logged_at_debug_without_the_token(pair, caplog):
    with caplog.at_level(logging.DEBUG, "jwt_sessions.tokens.parsing"):
        reason(pair.refresh)
    assert caplog.messages == ["access token refused: wrong_typ"]


def test_what_a_token_inherits_from_simplejwt_works(pair):
    token = parse_access_token(pair.access)
    token.check_exp()
    token.verify_token_type()


def test_an_access_token_is_short(pair):
    assert len(pair.access) < 700


def test_simplejwts_claims_may_be_renamed_or_left_out(alice, set_jwt):
    set_jwt(USER_ID_CLAIM="uid", JTI_CLAIM="token_id", TOKEN_TYPE_CLAIM=None)
    claims = claims_of(sessions.start(alice).access)
    assert claims["uid"] == claims["sub"]
    assert claims["token_id"] == claims["jti"]
    assert "token_type" not in claims
    set_jwt(JTI_CLAIM=None)
    assert claims_of(sessions.start(alice).access).keys() == claims.keys() - {"token_id"}


def test_a_user_may_be_named_by_another_field(alice, set_jwt):
    set_jwt(USER_ID_FIELD="email")
    pair = sessions.start(alice)
    assert claims_of(pair.access)["sub"] == alice.email
    sessions.verify(pair.access)
