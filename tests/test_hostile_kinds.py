"""Tokens of attackers: tokens of one kind, or of one issuer, presented as those of another."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.material import parse_keys
from jwt_sessions.tokens import (
    mint_mfa_token,
    parse_access_token,
    parse_issuer_token,
    parse_mfa_token,
    parse_refresh_token,
)
from tests.forging import forge, reason, signing_key, why_refused
from tests.keypairs import private_key, private_pem, public_bytes
from tests.people import claims_of

proves = pytest.mark.proves


# Of which kind it is


PARSERS = {"access": parse_access_token, "refresh": parse_refresh_token, "mfa": parse_mfa_token}
TYPES = {"access": "at+jwt", "refresh": "refresh+jwt", "mfa": "mfa+jwt"}


@pytest.fixture
def kinds(alice):
    """A good token of each kind of ours."""
    pair, now = sessions.start(alice), timezone.now()
    mfa = mint_mfa_token(uuid4(), now=now, expires_at=now + timedelta(minutes=5))
    return {"access": pair.access, "refresh": pair.refresh, "mfa": mfa}


@proves("C2")
@pytest.mark.parametrize("presented", TYPES)
@pytest.mark.parametrize("asked", TYPES)
def test_c2_each_kind_of_token_is_of_use_as_itself_alone(kinds, presented, asked):
    expected = None if presented == asked else "wrong_typ"
    assert why_refused(kinds[presented], PARSERS[asked]) == expected


@proves("C2")
@pytest.mark.parametrize(
    ("claims_of_kind", "typ_of_kind", "expected"),
    [
        ("access", "refresh", "bad_generation"),
        ("access", "mfa", "bad_jti"),
        ("refresh", "access", "lives_too_long"),
        ("refresh", "mfa", "bad_jti"),
        ("mfa", "access", "bad_aud"),
        ("mfa", "refresh", "bad_sid"),
    ],
)
def test_c2_the_claims_of_a_kind_are_of_no_use_under_another_typ(
    kinds, claims_of_kind, typ_of_kind, expected
):
    bent = forge(kinds[claims_of_kind], header={"typ": TYPES[typ_of_kind]})
    assert reason(bent, PARSERS[typ_of_kind]) == expected


@proves("C2")
@pytest.mark.parametrize("presented", ["access", "mfa"])
def test_c2_no_other_kind_refreshes_a_session(phone, kinds, presented):
    response = phone.refresh(kinds[presented])
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")


@proves("C2")
@pytest.mark.parametrize("presented", ["refresh", "mfa"])
def test_c2_no_other_kind_opens_a_protected_view(phone, kinds, presented):
    phone.access = kinds[presented]
    response = phone.call_protected()
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")


OTHER_TYPES = [
    *(
        "JWT",
        "jwt",
        "id_token",
        "ID",
        "idtoken+jwt",
        "statuslist+jwt",
        "logout+jwt",
        "secevent+jwt",
    ),
    *("dpop+jwt", "kb+jwt", "dc+sd-jwt", "JOSE", "JOSE+JSON", "application/jwt", "refresh", "mfa"),
    *("at", "at+jwt ", " at+jwt", "at+jwt;v=1", "text/at+jwt", "application/application/at+jwt"),
    *("at+jwt\0", "at-jwt", "ａt+jwt", "refresh+jwt,at+jwt", "*/*", "at+jwt/refresh+jwt"),
]


@proves("C1", "C2")
@pytest.mark.parametrize("typ", OTHER_TYPES)
@pytest.mark.parametrize("asked", TYPES)
def test_c2_a_token_of_a_kind_of_others_is_refused(kinds, asked, typ):
    assert reason(forge(kinds[asked], header={"typ": typ}), PARSERS[asked]) == "wrong_typ"


@proves("C1", "C2")
@pytest.mark.parametrize("typ", [None, "", 0, True, [], ["at+jwt"], {"at+jwt": 1}])
def test_c2_a_typ_is_text(token, typ):
    assert reason(forge(token, header={"typ": typ})) == "bad_typ"


ID_TOKEN = ("JWT", {"nonce": "x", "azp": "x", "at_hash": "x"}, ["jti", "sid"], "bad_jti")
STATUS_LIST = ("statuslist+jwt", {"status_list": {"bits": 1, "lst": "eNoDAAAAAAE"}}, ["iss"], None)
LOGOUT = ("logout+jwt", {"events": {"urn:example:logout": {}}}, ["sub"], "bad_sub")


@proves("C2")
@pytest.mark.parametrize(("typ", "claims", "drop", "expected"), [ID_TOKEN, STATUS_LIST, LOGOUT])
def test_c2_an_id_token_a_status_list_or_a_logout_signed_by_us_is_no_access_token(
    token, typ, claims, drop, expected
):
    bent = forge(token, header={"typ": typ}, claims=claims, drop=drop)
    assert reason(bent) == "wrong_typ"
    bent = forge(bent, header={"typ": "at+jwt"})
    assert reason(bent) == (expected or "wrong_issuer")


# Whose it is


OTHER_ISSUER, THIRD_ISSUER = "https://other.example", "https://third.example"


def issuers_key(issuer):
    """Return the key of another issuer, which has the same name as ours and the others'."""
    (key,) = parse_keys(private_pem(private_key("ES256", issuer)), "ES256")
    return key


@pytest.fixture
def one_name_for_all(set_jwt, alice):
    """A good token of ours, where one `kid` names our key and those of two other issuers."""

    def source(issuer):
        pem = public_bytes(private_key("ES256", issuer))
        return [{"key": pem, "algorithm": "ES256", "kid": "1"}]

    pem = private_pem(private_key("ES256"))
    set_jwt(
        SIGNING_KEYS=[{"key": pem, "algorithm": "ES256", "kid": "1"}],
        TRUSTED_ISSUERS={issuer: source(issuer) for issuer in (OTHER_ISSUER, THIRD_ISSUER)},
    )
    return sessions.start(alice).access


def parse_as(issuer):
    if issuer is None:
        return parse_access_token
    return lambda text: parse_issuer_token(text, issuer=issuer)


@proves("C4", "S4", "S7")
@pytest.mark.parametrize("signed_by", [None, OTHER_ISSUER, THIRD_ISSUER])
@pytest.mark.parametrize("said", [None, OTHER_ISSUER, THIRD_ISSUER])
@pytest.mark.parametrize("read_as", [None, OTHER_ISSUER, THIRD_ISSUER])
def test_c4_a_key_speaks_for_its_own_issuer_alone_whatever_its_name(
    one_name_for_all, signed_by, said, read_as
):
    key = signing_key() if signed_by is None else issuers_key(signed_by)
    claims = {} if said is None else {"iss": said}
    bent = forge(one_name_for_all, claims=claims, key=key)
    expected = "bad_signature" if signed_by != read_as else "wrong_issuer"
    assert why_refused(bent, parse_as(read_as)) == (
        None if signed_by == said == read_as else expected
    )


@proves("C9")
def test_c9_the_subject_of_another_issuer_is_read_and_is_nobody_here(one_name_for_all):
    key = issuers_key(OTHER_ISSUER)
    bent = forge(one_name_for_all, claims={"iss": OTHER_ISSUER}, key=key)
    claims = parse_issuer_token(bent, issuer=OTHER_ISSUER)
    assert (claims["iss"], claims["sub"]) == (OTHER_ISSUER, claims_of(one_name_for_all)["sub"])
    assert why_refused(bent, sessions.verify) == "bad_signature"


@proves("C4")
@pytest.mark.parametrize(
    "issuer", ["https://issuer.example", "https://other.example/", "", "other"]
)
def test_c4_an_issuer_that_is_not_trusted_has_no_keys(one_name_for_all, issuer):
    with pytest.raises(BadKey, match="none of TRUSTED_ISSUERS"):
        parse_issuer_token(one_name_for_all, issuer=issuer)


@proves("C1", "C5", "C12", "S8")
@pytest.mark.parametrize(
    ("header", "claims", "expected"),
    [
        ({"typ": "JWT"}, {}, "wrong_typ"),
        ({"alg": "none"}, {}, "wrong_alg"),
        ({"alg": "HS256"}, {}, "wrong_alg"),
        ({"crit": ["x"]}, {}, "crit"),
        ({"kid": "2"}, {}, "unknown_kid"),
        ({}, {"aud": "https://issuer.example2"}, "wrong_audience"),
        ({}, {"aud": None}, "bad_aud"),
        ({}, {"exp": 1}, "expired"),
        ({}, {"exp": "1"}, "bad_exp"),
        ({}, {"nbf": 9e9}, "not_yet_valid"),
        ({}, {"sub": 7}, "bad_sub"),
        ({}, {"jti": ""}, "bad_jti"),
        ({}, {"cnf": None}, "sender_constrained"),
    ],
)
def test_c4_another_issuers_token_is_read_as_strictly_as_ours(
    one_name_for_all, header, claims, expected
):
    claims = {"iss": OTHER_ISSUER, **claims}
    bent = forge(one_name_for_all, header=header, claims=claims, key=issuers_key(OTHER_ISSUER))
    assert reason(bent, parse_as(OTHER_ISSUER)) == expected
