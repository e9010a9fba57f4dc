"""The class that stands before a project's views."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from tests.people import claims_of

proves = pytest.mark.proves


def call(authorization=None, **headers):
    if authorization is not None:
        headers["authorization"] = authorization
    return APIClient().get("/protected/", headers=headers)


def test_a_good_token_names_user_and_session(phone, alice):
    answer = phone.call_protected().json()
    assert answer == {"sub": str(alice.pk), "kind": "api"}


def test_without_a_token_the_caller_is_asked_for_one(db):
    response = call()
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


@proves("T2")
def test_a_bad_token_is_named_as_invalid(phone):
    response = call("Bearer a.b.c")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert response.json()["code"] == "token_not_valid"


@proves("T2")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_read_without_regard_to_case(phone, scheme):
    assert call(f"{scheme} {phone.access}").status_code == 200


@proves("T2")
@pytest.mark.parametrize("joint", [",", ", ", ",Bearer ", ", Bearer "])
def test_two_headers_are_refused(phone, joint):
    assert call(f"Bearer {phone.access}{joint}{phone.access}").status_code == 401


def test_spaces_around_scheme_and_token_are_no_matter(phone):
    assert call(f" Bearer  {phone.access}\t ").status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b"])
def test_a_header_of_the_wrong_form_has_a_code_of_its_own(db, header):
    response = call(header)
    assert response.status_code == 401
    assert response.json()["code"] == "bad_authorization_header"
    assert response["WWW-Authenticate"].endswith('error="invalid_request"')


def test_another_scheme_is_left_to_others(phone):
    response = call(f"Basic {phone.access}")
    assert response.status_code == 401
    assert "credentials were not provided" in response.json()["detail"]
    assert "error=" not in response["WWW-Authenticate"]


def test_a_project_may_choose_scheme_and_header(phone, set_jwt):
    set_jwt(AUTH_HEADER_TYPES=("JWT", "Bearer"), AUTH_HEADER_NAME="HTTP_X_ACCESS_TOKEN")
    for scheme in ("jwt", "bearer"):
        assert call(**{"x-access-token": f"{scheme} {phone.access}"}).status_code == 200
    response = call(f"Bearer {phone.access}")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'JWT realm="api"'


@proves("T1")
def test_a_token_in_the_query_string_is_not_read(phone):
    for name in ("access_token", "token", "access", "authorization"):
        assert phone.http.get(f"/protected/?{name}={phone.access}").status_code == 401


def test_an_access_token_works_until_it_expires_and_its_leeway_after(phone, clock):
    clock.shift(timedelta(minutes=5, seconds=9))
    assert phone.call_protected().status_code == 200
    clock.shift(timedelta(seconds=1))
    assert phone.call_protected().status_code == 401


@proves("C6")
@pytest.mark.parametrize("spelling", ["+{}", " {}", "{} ", "0{}", "{}.0", "{}_0", "٣", ""])
def test_a_user_id_has_one_spelling(phone, alice, spelling, monkeypatch):
    other = spelling.format(alice.pk)
    monkeypatch.setattr("jwt_sessions.revocation.judging.user_id_of", lambda user: other)
    assert phone.call_protected().status_code == 401


def test_a_session_past_its_end_is_over_whatever_its_token_says(phone):
    Session.objects.update(expires_at=timezone.now())
    assert phone.call_protected().status_code == 401


def test_the_reason_of_a_refusal_is_logged_and_not_told(phone, caplog):
    sessions.revoke(phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    with caplog.at_level(logging.DEBUG, "jwt_sessions"):
        response = phone.call_protected()
    assert "session_revoked" in caplog.text
    assert "revoked" not in response.content.decode()
    assert phone.access not in caplog.text


def test_a_token_of_a_session_that_was_cleared_is_refused(phone):
    Session.objects.all().delete()
    assert phone.call_protected().status_code == 401


@proves("P12")
def test_p12_a_request_costs_one_query_however_many_sessions_there_are(
    phone, alice, django_assert_num_queries, set_jwt
):
    set_jwt(REVOCATION_CHECK="database")
    for _ in range(20):
        sessions.start(alice)
    with django_assert_num_queries(1):
        assert phone.call_protected().status_code == 200


def test_last_seen_costs_no_write_on_a_request(phone, clock):
    before = phone.session.refresh_token.last_seen_at
    clock.shift(timedelta(minutes=4))
    phone.call_protected()
    assert phone.session.refresh_token.last_seen_at == before


def test_request_auth_reads_like_simplejwts_token(phone, alice, rf):
    from rest_framework.request import Request
    from rest_framework_simplejwt.tokens import AccessToken

    from jwt_sessions.authentication import JWTSessionAuthentication

    request = Request(rf.get("/", headers={"authorization": f"Bearer {phone.access}"}))
    user, token = JWTSessionAuthentication().authenticate(request)
    assert user == alice
    assert isinstance(token, AccessToken)
    assert token["user_id"] == token.get("sub") == str(alice.pk)
    assert "nothing" not in token
    assert token.payload == claims_of(phone.access)
    assert token.session == phone.session
    assert phone.access not in f"{token!r} {token}"
