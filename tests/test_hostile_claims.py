"""Tokens of attackers: who it is that they claim to be, and before whom."""

from __future__ import annotations

import pytest

from jwt_sessions import sessions
from jwt_sessions.tokens import parse_refresh_token
from tests.forging import forge, reason, why_refused
from tests.people import claims_of

proves = pytest.mark.proves


@proves("C6", "S13")
@pytest.mark.parametrize(
    "spell",
    [
        " {}",
        "{} ",
        "{}\n",
        "\t{}",
        "+{}",
        "0{}",
        "-{}",
        "{}.0",
        "{}_0",
        "{{{}}}",
        "{}\0",
        "\ud800{}",
        "{},2",
    ],
    ids=ascii,
)
def test_c6_a_user_id_in_another_spelling_is_nobodys(token, alice, spell):
    bent = forge(token, claims={"sub": spell.format(alice.pk)})
    assert why_refused(bent, sessions.verify) == "wrong_subject"


@proves("C6")
@pytest.mark.parametrize("digits", ["０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗"])
def test_c6_digits_of_another_script_are_no_digits(token, alice, digits):
    table = str.maketrans("0123456789", digits)
    sid = claims_of(token)["sid"].translate(table)
    assert reason(forge(token, claims={"sid": sid})) == "bad_sid"
    sub = f"{alice.pk}1".translate(table)
    assert why_refused(forge(token, claims={"sub": sub}), sessions.verify) == "wrong_subject"


@proves("C6")
@pytest.mark.parametrize("sub", [1, 1.0, True, None, "", [], ["1"], {"pk": "1"}])
def test_c6_a_subject_is_text(token, sub):
    assert reason(forge(token, claims={"sub": sub})) == "bad_sub"


@proves("C6")
def test_c6_a_session_of_another_user_speaks_for_neither(token, bob):
    bent = forge(token, claims={"sub": str(bob.pk)})
    assert why_refused(bent, sessions.verify) == "wrong_subject"


@proves("C6", "S13")
@pytest.mark.parametrize(
    "spell",
    [
        lambda sid: sid.replace("-", ""),
        lambda sid: f" {sid}",
        lambda sid: f"{sid}\n",
        lambda sid: f"{sid}\0",
        lambda sid: sid.replace("-", "\u2010"),
        lambda sid: f"uuid:{sid}",
        lambda sid: sid[:-1],
        lambda sid: f"{sid}0",
        lambda sid: [sid],
        lambda sid: int(sid.replace("-", ""), 16),
    ],
    ids=range(10),
)
def test_c6_a_session_id_has_one_spelling(alice, spell):
    pair = sessions.start(alice)
    claims = {"sid": spell(str(pair.session.pk))}
    assert reason(forge(pair.access, claims=claims)) == "bad_sid"
    assert reason(forge(pair.refresh, claims=claims), parse_refresh_token) == "bad_sid"


@proves("C3")
@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp", "iat", "jti", "sid"])
def test_c3_an_access_token_without_a_claim_it_needs_is_refused(token, name):
    expected = "wrong_issuer" if name == "iss" else f"bad_{name}"
    assert reason(forge(token, drop=[name])) == expected


@proves("C5")
@pytest.mark.parametrize(
    ("aud", "expected"),
    [
        ("", "wrong_audience"),
        ("https://issuer.example/", "wrong_audience"),
        ("HTTPS://ISSUER.EXAMPLE", "wrong_audience"),
        ("https://issuer.example ", "wrong_audience"),
        ("https://issuer.example,x", "wrong_audience"),
        (["https://", "issuer.example"], "wrong_audience"),
        ([["https://issuer.example"]], "bad_aud"),
        (["https://issuer.example", 7], "bad_aud"),
        ({"https://issuer.example": 1}, "bad_aud"),
        (True, "bad_aud"),
    ],
)
def test_c5_an_audience_in_part_or_of_another_type_is_none_of_ours(token, aud, expected):
    assert reason(forge(token, claims={"aud": aud})) == expected


@proves("C12")
@pytest.mark.parametrize("cnf", [None, {}, "", False, {"jkt": "x"}, {"x5t#S256": "x"}, []])
def test_c12_a_bound_token_is_refused_whatever_it_is_bound_to(token, cnf):
    assert reason(forge(token, claims={"cnf": cnf})) == "sender_constrained"
