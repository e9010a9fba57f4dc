"""The people of the tests, and what they do."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from jwt_sessions.models import Session

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0"


def make_user(name, **fields):
    """Make a user of whichever model this run is about; the password is the name."""
    model = get_user_model()
    identity = {"email": f"{name}@example.com"}
    if model.USERNAME_FIELD == "username":
        identity["username"] = name
    return model.objects.create_user(**identity, password=name, **fields)


def credentials(user, password):
    return {type(user).USERNAME_FIELD: user.get_username(), "password": password}


def name_of(user):
    return user.get_username().partition("@")[0]


def claims_of(token):
    """Read a token's payload as anybody can, without its key."""
    payload = token.split(".")[1]
    return json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class Device:
    """A client program in somebody's hands: it signs in and keeps its tokens."""

    def __init__(self, **headers):
        self.http = APIClient(headers={"user-agent": FIREFOX, **headers})
        self.access = self.refresh_token = None

    def sign_in(self, user, password=None, **extra):
        body = {**credentials(user, password or name_of(user)), **extra}
        return self._keep(self.post("token/", body, signed_in=False))

    def refresh(self, token=None):
        body = {"refresh": token or self.refresh_token}
        return self._keep(self.post("token/refresh/", body, signed_in=False))

    def get(self, path):
        return self.http.get(path, **self._headers(signed_in=True))

    def call_protected(self):
        return self.get("/protected/")

    def post(self, endpoint, body=None, *, signed_in=True):
        return self._send("post", endpoint, body, signed_in=signed_in)

    def patch(self, endpoint, body):
        return self._send("patch", endpoint, body)

    def delete(self, endpoint):
        return self._send("delete", endpoint, None)

    def list_sessions(self):
        return self.get("/api/auth/sessions/").json()["results"]

    @property
    def sid(self):
        return claims_of(self.access)["sid"]

    @property
    def session(self):
        return Session.objects.select_related("refresh_token", "user").get(pk=self.sid)

    def _send(self, method, endpoint, body, *, signed_in=True):
        send = getattr(self.http, method)
        url = f"/api/auth/{endpoint}"
        return send(url, body, format="json", **self._headers(signed_in=signed_in))

    def _headers(self, *, signed_in):
        if not signed_in or self.access is None:
            return {}
        return {"headers": {"authorization": f"Bearer {self.access}"}}

    def _keep(self, response):
        if response.status_code == 200:
            self.access = response.json()["access"]
            self.refresh_token = response.json()["refresh"]
        return response
