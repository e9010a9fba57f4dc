"""``/.well-known/jwks.json``: the public keys, for anybody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from tests.forging import signing_key
from tests.keypairs import PRIVATE_KEYS, new_pem, private_pem

proves = pytest.mark.proves

URL = "/.well-known/jwks.json"


@pytest.fixture
def two_keys(set_jwt):
    """One key that signs, and one that will in an hour."""
    old = private_pem(PRIVATE_KEYS["RS256"])
    set_jwt(
        SIGNING_KEYS=[
            {"key": old},
            {"key": new_pem(), "signs_from": "2026-11-23T13:00:00Z"},
        ]
    )


def test_it_stands_where_everybody_looks_for_it():
    assert reverse("jwt_sessions_well_known:jwks") == URL


@proves("K1", "K2")
def test_k2_what_signs_and_what_will_sign_is_published(client, two_keys):
    keys = client.get(URL).json()["keys"]
    assert [key["alg"] for key in keys] == ["ES256", "RS256"]
    assert keys[1]["kid"] == signing_key().kid


@proves("K1")
def test_k1_nothing_private_is_published(client, two_keys):
    for key in client.get(URL).json()["keys"]:
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


@proves("K1")
def test_k1_secrets_never_appear(client):
    assert client.get(URL).json() == {"keys": []}


@proves("T3")
def test_t3_it_may_be_kept_for_less_than_a_key_is_published_before_it_signs(client, two_keys):
    response = client.get(URL)
    assert response["Cache-Control"] == "public, max-age=600"
    assert response["Content-Type"] == "application/jwk-set+json"


def test_it_may_be_kept_for_as_long_as_is_set(client, set_jwt):
    set_jwt(JWKS_MAX_AGE=timedelta(hours=1))
    assert client.get(URL)["Cache-Control"] == "public, max-age=3600"


@proves("T3")
def test_t3_who_has_it_already_is_told_so(client, two_keys):
    etag = client.get(URL)["ETag"]
    response = client.get(URL, headers={"if-none-match": etag})
    assert (response.status_code, response.content) == (304, b"")
    assert response["Cache-Control"] == "public, max-age=600"


def test_a_new_key_changes_the_etag(client, two_keys, set_jwt):
    etag = client.get(URL)["ETag"]
    set_jwt(SIGNING_KEYS=[{"key": new_pem()}])
    assert client.get(URL, headers={"if-none-match": etag}).status_code == 200


def test_it_asks_no_database(client, two_keys, django_assert_num_queries):
    assert client.head(URL).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_only_read(client, method):
    response = getattr(client, method)(URL)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@proves("P8")
def test_p8_keys_that_cannot_be_read_are_an_outage(client, set_jwt):
    set_jwt(SIGNING_KEYS=[{"env": "JWT_KEY_THAT_IS_NOT_SET"}])
    response = client.get(URL)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response["Cache-Control"] == "no-store"
    assert response.json()["code"] == "unavailable"
