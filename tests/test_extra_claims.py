"""EXTRA_CLAIMS: a project's own claims, which take no other claim's place."""

from __future__ import annotations

import math

import pytest

from jwt_sessions import sessions
from jwt_sessions.claims import CLAIMS_OF_OTHER_TOKENS, RESERVED_CLAIMS
from jwt_sessions.exceptions import BadClaims
from jwt_sessions.tokens import minting, reading
from tests.people import claims_of

EXTRA = {}

# What other readers of a JWT go by, spelled out here once more.
NAMES = {
    *("iss", "aud", "sub", "exp", "nbf", "iat", "jti"),
    *("sid", "auth_time", "amr", "acr", "cnf", "generation", "user_id", "token_type"),
    *("nonce", "azp", "at_hash", "c_hash", "s_hash", "sub_jwk", "act", "may_act"),
    *("events", "toe", "sub_id", "status", "status_list", "htm", "htu", "ath"),
    *("_claim_names", "_claim_sources", "_sd", "_sd_alg", "vct"),
}


def claims_of_the_project(session):
    return {"branch": session.data["branch"], "name": session.user.get_username()}


def test_a_function_adds_claims_from_the_session_and_its_data(alice, set_jwt):
    set_jwt(EXTRA_CLAIMS="tests.test_extra_claims.claims_of_the_project")
    pair = sessions.start(alice, data={"branch": 12})
    assert claims_of(pair.access)["branch"] == 12
    sessions.verify(pair.access)


def test_it_is_asked_at_every_mint(alice, set_jwt):
    set_jwt(EXTRA_CLAIMS=claims_of_the_project)
    pair = sessions.start(alice, data={"branch": 12})
    assert claims_of(sessions.refresh(pair.refresh).access)["name"] == alice.get_username()


def test_a_refresh_token_has_none_of_them(alice, set_jwt):
    set_jwt(EXTRA_CLAIMS=claims_of_the_project)
    assert "branch" not in claims_of(sessions.start(alice, data={"branch": 12}).refresh)


@pytest.mark.parametrize("name", sorted(NAMES | RESERVED_CLAIMS | CLAIMS_OF_OTHER_TOKENS))
def test_no_claim_is_taken_that_means_something_else(alice, set_jwt, name):
    set_jwt(EXTRA_CLAIMS=lambda session: {name: "x"})
    with pytest.raises(BadClaims, match=name):
        sessions.start(alice)


@pytest.mark.parametrize("name", ["scope", "roles", "groups", "client_id", "email", "name"])
def test_registered_claims_may_say_what_they_are_registered_for(alice, set_jwt, name):
    set_jwt(EXTRA_CLAIMS=lambda session: {name: "x"})
    assert claims_of(sessions.start(alice).access)[name] == "x"


def test_a_renamed_claim_of_ours_is_not_taken_either(alice, set_jwt):
    set_jwt(USER_ID_CLAIM="uid", EXTRA_CLAIMS=lambda session: {"uid": 7})
    with pytest.raises(BadClaims, match="uid"):
        sessions.start(alice)


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        (None, "did not return a dict"),
        ([("a", 1)], "did not return a dict"),
        ({7: 1}, "did not return a dict"),
        ({"a": object()}, "what JSON cannot say"),
        ({"a": math.nan}, "what JSON cannot say"),
        ({"a": math.inf}, "what JSON cannot say"),
        ({"a": {1: "x", "1": "y"}}, "what JSON cannot say"),
        ({"a": "x" * 8_192}, "a token of"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_stand_in_a_token_is_an_error(alice, set_jwt, returned, complaint):
    set_jwt(EXTRA_CLAIMS=lambda session: returned)
    with pytest.raises(BadClaims, match=complaint):
        sessions.start(alice)


def test_a_function_that_changes_the_session_changes_no_claim_of_ours(alice, set_jwt):
    set_jwt(EXTRA_CLAIMS=lambda session: session.amr.append("mfa") or {})
    assert claims_of(sessions.start(alice).access)["amr"] == ["pwd"]


class DisguisedName(str):
    """Says that it is no name of ours."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        return False


def test_a_claim_is_taken_for_what_json_makes_of_its_name(alice, set_jwt):
    set_jwt(EXTRA_CLAIMS=lambda session: {DisguisedName("sub"): "x"})
    with pytest.raises(BadClaims, match="sub"):
        sessions.start(alice)


def test_a_token_may_be_as_long_as_one_that_is_read(alice, set_jwt, monkeypatch):
    set_jwt(EXTRA_CLAIMS=lambda session: {"a": "x" * 1_000})
    longest = len(sessions.start(alice).access)
    for module in (minting, reading):
        monkeypatch.setattr(module, "MAX_LENGTH", longest)
    sessions.verify(sessions.start(alice).access)
    monkeypatch.setattr(minting, "MAX_LENGTH", longest - 1)
    with pytest.raises(BadClaims, match=f"no longer ones than {longest - 1}"):
        sessions.start(alice)
