"""What integrators' own tests use."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from rest_framework.test import APIClient

from jwt_sessions import mfa, testing
from tests.people import credentials


@pytest.mark.parametrize("client_class", [APIClient, Client])
def test_a_client_is_signed_in_with_or_without_a_second_factor(alice, client_class):
    client = client_class()
    testing.sign_in(client, alice)
    assert client.get("/protected/").status_code == 200
    assert client.get("/second-factor/").status_code == 401
    testing.sign_in(client, alice, second_factor=True)
    assert client.get("/second-factor/").status_code == 200


def test_the_login_may_lie_in_the_past(alice):
    client = APIClient()
    session = testing.sign_in(client, alice, age=timedelta(hours=1), device_name="Old phone")
    assert session.device_name == "Old phone"
    assert client.get("/recent-login/").status_code == 401


def test_a_login_with_a_code_can_be_played_through(alice):
    testing.add_totp(alice)
    client = APIClient()
    for _ in range(2):  # the code that the app shows, and the next one
        asked = client.post("/api/auth/token/", credentials(alice, "alice"), format="json").json()
        body = {"mfa_token": asked["mfa_token"], "code": testing.current_code(alice)}
        assert client.post("/api/auth/token/mfa/", body, format="json").status_code == 200
    with pytest.raises(LookupError, match="wait"):
        testing.current_code(alice)


def test_recovery_codes_can_be_had(alice):
    testing.add_totp(alice)
    code = testing.add_recovery_codes(alice)[0]
    needed = mfa.sign_in(alice)
    assert isinstance(mfa.pending_logins.finish(needed.mfa_token, code), mfa.SignedIn)


def test_without_an_app_there_is_no_code(alice):
    with pytest.raises(LookupError, match="no authenticator app"):
        testing.current_code(alice)


@pytest.mark.usefixtures("switched_on")
@pytest.mark.urls("tests.pages_urls")
class TestABrowser:
    def test_is_signed_in_with_or_without_a_second_factor(self, alice):
        testing.add_totp(alice)
        for second_factor in (False, True):
            client = Client()
            session = testing.sign_in_browser(client, alice, second_factor=second_factor)
            assert (session.kind, "mfa" in session.amr) == ("browser", second_factor)
            assert client.get("/account/").status_code == 200

    def test_may_have_signed_in_long_ago(self, alice):
        client = Client()
        testing.sign_in_browser(client, alice, age=timedelta(hours=1))
        assert client.get("/account/").status_code == 200
        assert client.get("/account/devices/others/").status_code == 302


@pytest.mark.django_db
def test_without_our_middleware_there_is_no_browser_session(alice):
    with pytest.raises(LookupError, match="middleware"):
        testing.sign_in_browser(Client(), alice)
