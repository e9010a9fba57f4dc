"""The page for authors of clients, run: each of its requests gets the answer that stands there."""

from __future__ import annotations

import json
import re
import shlex
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.urls import path
from rest_framework.test import APIClient

from example_project.policy import must_have_second_factor
from example_project.views import MeView, TransferView
from tests.authenticators import Authenticator
from tests.people import Device, make_user
from tests.serving import ROOT
from tests.urls import urlpatterns as of_the_tests

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "second-factor-client.md").read_text()
EXCHANGES = re.findall(r"```sh\n([^`]*)```\n\n```http\n(.*?)```", PAGE, re.DOTALL)
# What an answer says in words that do not change from one run to the next.
FIXED = {
    *("code", "methods", "expires_in", "acr_values", "max_age", "recovery_codes_remaining"),
    *("enabled", "required", "type", "name", "revoked", "other_sessions", "done", "username"),
}
OTHER_SESSIONS = 8  # that Alice has in the demo
OF_THE_SITE = {"SITE": "http://testserver", "API": "http://testserver/api/auth"}


urlpatterns = [
    *of_the_tests,
    path("api/me/", MeView.as_view()),
    path("api/transfer/", TransferView.as_view()),
]


class Answer(NamedTuple):
    """An answer, or what the page says of it."""

    status: int
    headers: dict
    body: object


def read_answer(text):
    """Read what ``curl -i`` prints, as far as the page shows it."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(int(first.split()[1]), headers, json.loads(body) if body.strip() else None)


def outline(body):
    """Leave of a body what must be the same each time."""
    if isinstance(body, list):
        return [outline(item) for item in body]
    if not isinstance(body, dict):
        return ...
    return {
        name: value if name in FIXED and not isinstance(value, dict) else outline(value)
        for name, value in body.items()
    }


class Curl:
    """Does what the page's reader does: types the commands, and keeps what comes back."""

    def __init__(self, clock):
        self.clock, self.known, self.app = clock, dict(OF_THE_SITE), None

    def run(self, command):
        self.wait(command)
        words = iter(shlex.split(command, comments=True))
        method, url, data, headers = None, None, None, {}
        for word in map(self.fill_in, words):
            if word == "-X":
                method = next(words)
            elif word == "-H" and (header := self.fill_in(next(words))) != "$JSON":
                name, _, value = header.partition(": ")
                headers[name.lower()] = value
            elif word == "-d":
                data = self.fill_in(next(words))
            elif word.startswith("http"):
                url = urlsplit(word).path
        return self.send(method or ("GET" if data is None else "POST"), url, data, headers)

    def send(self, method, url, data, headers):
        kind = {} if data is None else {"content_type": "application/json"}
        http = APIClient().generic(method, url, data or "", headers=headers, **kind)
        body = http.json() if http.content else None
        self.learn(body)
        told = ("WWW-Authenticate", "Retry-After")
        heard = {name: http.headers[name] for name in told if name in http.headers}
        return Answer(http.status_code, heard, body)

    def wait(self, command):
        if found := re.match(r"# (\d+|a) minutes? later", command):
            self.clock.shift(60 * int(found[1].replace("a", "1")))
        if "$CODE'" in command or '$CODE"' in command:  # the app's next one, for each works once
            self.clock.shift(30)

    def fill_in(self, word):
        return re.sub(r"\$([A-Z_]+)", lambda name: self.value_of(name[1]), word)

    def value_of(self, name):
        if name == "CODE":
            return self.app.code()
        if name == "CODE_FROM_MAIL":
            return re.findall(r"\b\d{6}\b", mail.outbox[-1].body)[0]
        return self.known.get(name, f"${name}")

    def learn(self, body):
        if "otpauth_uri" in (body or {}):
            self.app = Authenticator(body["otpauth_uri"])
        for name, value in (body or {}).items():
            if name == "recovery_codes" and value:
                self.known["RECOVERY_CODE"] = value[0]
            elif isinstance(value, str):
                self.known[name.upper()] = value


@pytest.fixture
def site(transactional_db, settings, set_jwt):
    """The demo, as far as the page needs it."""
    settings.ROOT_URLCONF = __name__
    set_jwt(MFA_REQUIRED=must_have_second_factor, SECURITY_MAILS=False)
    for name in ("alice", "carol", "dave"):
        user = make_user(name)
        user.set_password(f"{name}-demo")
        user.save()
        for _ in range(OTHER_SESSIONS if name == "alice" else 0):
            Device().sign_in(user, f"{name}-demo")


@pytest.mark.proves("M8", "M9", "M11", "C11", "V3")
def test_each_request_of_the_page_gets_the_answer_of_the_page(site, clock):
    curl = Curl(clock)
    for command, written in EXCHANGES:
        said, got = read_answer(written), curl.run(command)
        assert (got.status, got.headers) == (said.status, said.headers), command
        assert outline(got.body) == outline(said.body), command


def test_the_page_answers_each_request():
    assert len(EXCHANGES) == PAGE.count("```http\n") == PAGE.count("curl -i ") > 30


@pytest.mark.proves("M11")
def test_a_wrong_password_at_a_step_up_says_nothing_against_the_token(phone):
    answer = phone.post("token/step-up/", {"password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_password")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
