"""Sign in, refresh, verify, sign out over the API."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from jwt_sessions.models import RefreshToken, RevokedReason, Session
from tests.people import Device, claims_of, credentials

proves = pytest.mark.proves


def test_simplejwts_four_url_names_are_bare_and_all_others_in_our_namespace():
    assert reverse("token_obtain_pair") == "/api/auth/token/"
    assert reverse("token_refresh") == "/api/auth/token/refresh/"
    assert reverse("token_verify") == "/api/auth/token/verify/"
    assert reverse("token_blacklist") == "/api/auth/token/blacklist/"
    assert reverse("jwt_sessions:logout") == "/api/auth/logout/"
    assert reverse("jwt_sessions:session_list") == "/api/auth/sessions/"


def test_sign_in_answers_with_a_pair(alice):
    response = Device().sign_in(alice)
    assert response.status_code == 200
    assert set(response.json()) == {"access", "refresh"}


def test_an_access_token_has_the_claims_of_rfc_9068_and_simplejwts(phone, alice):
    claims = claims_of(phone.access)
    assert set(claims) == {
        *("iss", "aud", "sub", "exp", "iat", "jti", "sid", "auth_time", "amr", "acr"),
        *("token_type", "user_id"),
    }
    assert claims["iss"] == claims["aud"] == "https://issuer.example"
    assert claims["sub"] == claims["user_id"] == str(alice.pk)
    assert (claims["amr"], claims["acr"], claims["token_type"]) == (["pwd"], "aal1", "access")
    assert claims["exp"] - claims["iat"] == 300


@proves("M13")
def test_wrong_unknown_and_inactive_are_answered_alike(alice, bob):
    type(bob).objects.filter(pk=bob.pk).update(is_active=False)
    unknown = type(alice)(**{type(alice).USERNAME_FIELD: "nobody@example.com"})
    answers = [
        Device().sign_in(alice, "wrong"),
        Device().sign_in(unknown),
        Device().sign_in(bob),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["code"] == "no_active_account"
    assert answers[0]["WWW-Authenticate"] == 'Bearer realm="api"'


def test_spaces_belong_to_a_password(alice):
    alice.set_password("  alice ")
    alice.save()
    assert Device().sign_in(alice, "  alice ").status_code == 200
    assert Device().sign_in(alice, "alice").status_code == 401


@proves("T3")
def test_no_answer_of_ours_may_be_cached(phone, alice):
    answers = [
        phone.post("token/", credentials(alice, "alice")),
        phone.post("token/", {}),
        phone.refresh(),
        phone.refresh("bad"),
        phone.get("/api/auth/sessions/"),
        phone.get("/api/auth/token/"),
        phone.post("logout/"),
    ]
    assert [answer["Cache-Control"] for answer in answers] == ["no-store"] * 7


@proves("R2")
def test_a_replayed_refresh_token_gets_401_with_a_code_and_no_loop(phone):
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    response = phone.refresh(old)
    assert response.status_code == 401
    assert response.json()["code"] == "token_not_valid"
    assert "error=" not in response["WWW-Authenticate"]


def test_an_expired_access_token_sent_along_with_a_refresh_is_no_matter(phone, clock):
    clock.shift(3600)
    response = phone.post("token/refresh/", {"refresh": "bad"}, signed_in=True)
    assert "error=" not in response["WWW-Authenticate"]
    assert phone.post("token/refresh/", {"refresh": phone.refresh_token}).status_code == 200


def test_an_access_token_is_no_refresh_token_and_the_reverse(phone):
    assert phone.refresh(phone.access).status_code == 401
    phone.access = phone.refresh_token
    assert phone.call_protected().status_code == 401


class TestVerify:
    def verify(self, device, token):
        return device.post("token/verify/", {"token": token}, signed_in=False)

    def test_good_tokens_of_both_kinds_are_valid(self, phone):
        for token in (phone.access, phone.refresh_token):
            response = self.verify(phone, token)
            assert (response.status_code, response.json()) == (200, {})

    @proves("V1")
    def test_tokens_of_a_revoked_session_are_not_valid(self, phone):
        phone.post("logout/")
        for token in (phone.access, phone.refresh_token):
            response = self.verify(phone, token)
            assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")

    def test_a_superseded_refresh_token_is_not_valid_and_asking_ends_nothing(self, phone):
        old = phone.refresh_token
        phone.refresh()
        phone.refresh()
        assert self.verify(phone, old).status_code == 401
        assert phone.call_protected().status_code == 200

    def test_a_refresh_token_of_a_session_that_lay_unused_is_not_valid(self, phone):
        RefreshToken.objects.update(idle_expires_at=timezone.now())
        assert self.verify(phone, phone.refresh_token).status_code == 401

    def test_what_is_no_token_is_not_valid(self, phone):
        assert self.verify(phone, "nonsense").status_code == 401

    def test_a_refresh_token_of_a_cleared_session_is_not_valid(self, phone):
        Session.objects.all().delete()
        assert self.verify(phone, phone.refresh_token).status_code == 401


class TestSigningOut:
    @proves("P1", "V1")
    def test_logout_ends_this_session_and_no_other(self, phone, laptop):
        assert phone.post("logout/").status_code == 204
        assert phone.call_protected().status_code == 401
        assert phone.refresh().status_code == 401
        assert laptop.call_protected().status_code == 200
        assert phone.session.revoked_reason == RevokedReason.SIGNED_OUT

    def test_logout_twice_is_as_good_as_once(self, phone):
        assert [phone.post("logout/").status_code for _ in range(2)] == [204, 204]

    def test_logout_needs_a_token(self, db):
        response = Device().post("logout/")
        assert response.status_code == 401
        assert response.json()["code"] == "not_authenticated"

    def test_logout_costs_one_query(self, phone, django_assert_num_queries):
        with django_assert_num_queries(1):
            phone.post("logout/")

    def test_blacklist_is_logout_by_refresh_token(self, phone):
        response = phone.post("token/blacklist/", {"refresh": phone.refresh_token})
        assert (response.status_code, response.json()) == (200, {})
        assert phone.call_protected().status_code == 401

    def test_a_superseded_refresh_token_signs_out_too(self, phone):
        old = phone.refresh_token
        phone.refresh()
        phone.refresh()
        assert phone.post("token/blacklist/", {"refresh": old}).status_code == 200
        assert phone.session.revoked_reason == RevokedReason.SIGNED_OUT
