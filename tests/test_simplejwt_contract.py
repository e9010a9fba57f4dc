"""What worked with simplejwt still works: its reader takes our tokens, its clients our views."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, UntypedToken

from tests.people import Device, credentials

KEY = "one key for both, at least thirty-two bytes long"


@pytest.fixture
def stock(set_jwt, monkeypatch):
    """Stock simplejwt, given the same key."""
    set_jwt(SIGNING_KEY=KEY)
    backend = TokenBackend("HS256", KEY)
    monkeypatch.setattr("rest_framework_simplejwt.state.token_backend", backend)


@pytest.fixture
def device(stock, alice):
    signed_in = Device()
    signed_in.sign_in(alice)
    return signed_in


def test_simplejwts_reader_accepts_our_access_token(device, alice):
    token = AccessToken(device.access)
    assert token["user_id"] == str(alice.pk)
    assert UntypedToken(device.access)["sid"] == device.sid


def test_simplejwts_authentication_class_reads_it_and_names_the_user(device, alice):
    token = JWTAuthentication().get_validated_token(device.access.encode())
    assert type(alice).objects.get(pk=token["user_id"]) == alice


def test_simplejwt_does_not_take_our_refresh_token_for_an_access_token(device):
    with pytest.raises(TokenError, match="wrong type"):
        AccessToken(device.refresh_token)


def test_a_token_that_simplejwt_minted_is_refused_by_us(stock, alice):
    refresh = RefreshToken()
    refresh["user_id"] = str(alice.pk)
    client = APIClient()
    headers = {"authorization": f"Bearer {refresh.access_token}"}
    assert client.get("/protected/", headers=headers).status_code == 401
    answer = client.post("/api/auth/token/refresh/", {"refresh": str(refresh)}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


class SimpleJWTClient:
    """Written for simplejwt's views: knows its paths, bodies and codes, and nothing of ours."""

    def __init__(self, http):
        self.http = http

    def post(self, path, body):
        return self.http.post(f"/api/auth/{path}", body, content_type="application/json")

    def login(self, given):
        self.pair = self.post("token/", given).json()

    def get(self, path):
        """Call an API; on 401 refresh once and try again, as clients do."""
        response = self._get(path)
        if response.status_code == 401:
            answer = self.post("token/refresh/", {"refresh": self.pair["refresh"]})
            if answer.status_code == 401 and answer.json()["code"] == "token_not_valid":
                return answer
            self.pair.update(answer.json())
            response = self._get(path)
        return response

    def _get(self, path):
        return self.http.get(path, HTTP_AUTHORIZATION="Bearer " + self.pair["access"])


def test_a_client_written_for_simplejwt_works_unchanged(client, alice, clock):
    simple = SimpleJWTClient(client)
    assert simple.post("token/", credentials(alice, "no")).json()["code"] == "no_active_account"
    assert simple.post("token/", {}).json()["password"] == ["This field is required."]
    simple.login(credentials(alice, "alice"))
    assert simple.get("/protected/").status_code == 200
    for _ in range(3):
        clock.shift(360)
        assert simple.get("/protected/").status_code == 200
    assert simple.post("token/verify/", {"token": simple.pair["access"]}).json() == {}
    assert simple.post("token/blacklist/", {"refresh": simple.pair["refresh"]}).json() == {}
    assert simple.get("/protected/").status_code == 401


def test_simplejwts_settings_are_taken_over(settings, set_jwt, alice):
    settings.SIMPLE_JWT = {
        "ROTATE_REFRESH_TOKENS": True,
        "AUTH_HEADER_TYPES": ("JWT",),
        "SIGNING_KEY": KEY,
        "USER_ID_CLAIM": "uid",
    }
    set_jwt(USER_ID_CLAIM="who")  # ours goes before theirs
    device = Device()
    device.sign_in(alice)
    headers = {"authorization": f"JWT {device.access}"}
    assert APIClient().get("/protected/", headers=headers).status_code == 200
    assert TokenBackend("HS256", KEY).decode(device.access)["who"] == str(alice.pk)
