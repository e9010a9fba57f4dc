"""Wrong, hostile and broken input: a clear refusal with a code, never a 500, nothing lost."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError
from django.http import Http404
from django.utils import translation
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from tests.people import Device, credentials

TAKES_A_BODY = ["token/", "token/refresh/", "token/verify/", "token/blacklist/"]
HOSTILE_STRINGS = ["", " ", "\x00", "\ud800", "a" * 60_000, "🦊", "' OR 1=1 --", "../../etc", "%00"]
WRONG_TYPES = [None, True, [], {}, ["x"], {"x": 1}, 1e308]


def send(endpoint, body, content_type="application/json"):
    return APIClient().generic("POST", f"/api/auth/{endpoint}", body, content_type=content_type)


@pytest.mark.parametrize("endpoint", TAKES_A_BODY)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b'{"unknown": 1}',
        b"\xff\xfe{\x00}\x00",
        b'{"refresh": "\xe9"}',
        b"[" * 50_000,
        b'{"a":' * 10_000,
        b'{"refresh": "' + b"x" * 70_000 + b'"}',
        b"NaN",
        b'{"refresh": NaN}',
        b'{"refresh": 1' + b"0" * 5_000 + b"}",
    ],
    ids=range(16),
)
def test_a_body_that_says_nothing_useful_is_a_400(db, endpoint, body):
    response = send(endpoint, body)
    assert response.status_code == 400
    assert isinstance(response.json(), dict)


@pytest.mark.parametrize("endpoint", TAKES_A_BODY)
@pytest.mark.parametrize("value", [*HOSTILE_STRINGS, *WRONG_TYPES], ids=range(16))
def test_a_field_that_cannot_be_used_is_a_400_or_401(alice, endpoint, value):
    body = dict.fromkeys((*credentials(alice, ""), "refresh", "token", "device_name"), value)
    response = send(endpoint, json.dumps(body).encode())
    assert response.status_code in {400, 401}
    assert isinstance(response.json(), dict)


@pytest.mark.parametrize("endpoint", TAKES_A_BODY)
def test_only_json_is_read(db, endpoint):
    response = send(endpoint, b"refresh=x", "application/x-www-form-urlencoded")
    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "bz2_codec", "nonsense"])
def test_another_charset_is_a_400(db, charset):
    response = send("token/", b"{}", f"application/json; charset={charset}")
    assert response.status_code == 400


@pytest.mark.parametrize("size", [66_000, 5_000_000])
def test_a_body_too_large_is_a_400(db, size):
    response = send("token/", b'{"x": "' + b"y" * size + b'"}')
    assert response.status_code == 400
    assert response.json() == {"detail": "The request body is too large.", "code": "parse_error"}


class HungUp(BytesIO):
    """What a server hands over of a client that went away."""

    def read(self, *size):
        raise ConnectionResetError


@pytest.mark.parametrize("endpoint", TAKES_A_BODY)
def test_a_client_that_hangs_up_within_its_body_is_no_500(db, endpoint):
    path, hung_up = f"/api/auth/{endpoint}", {"wsgi.input": HungUp()}
    response = APIClient().post(path, {}, format="json", **hung_up)
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize(("host", "query"), [("testserver", "a=1&" * 1001), ("evil.example", "")])
def test_what_django_finds_suspicious_is_a_400_in_our_form(phone, host, query):
    phone.http.defaults["HTTP_HOST"] = host
    response = phone.get(f"/api/auth/sessions/?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")
    assert response["Cache-Control"] == "no-store"


def test_each_caller_is_told_in_a_language_of_their_own(phone):
    told = set()
    for language in ("de", "en", "fr"):
        with translation.override(language):
            told.add(phone.patch(f"sessions/{phone.sid}/", {"device_name": "x" * 101}).content)
            told.add(phone.post("token/refresh/", {}).content)
    assert len(told) == 6


def test_a_format_in_the_query_string_is_not_listened_to(phone):
    assert phone.post("logout/?format=xml").status_code == 204


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_a_405_with_a_code(db, method):
    response = APIClient().generic(method, "/api/auth/token/")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    "token", ["\x00", "é", "a.b.c", ".." * 5_000, "a" * 9_000, "[" * 3_000, "ey.ey.ey", "🦊.🦊.🦊"]
)
def test_a_bad_access_token_is_a_401(db, token):
    response = APIClient().get("/protected/", HTTP_AUTHORIZATION=f"Bearer {token}")
    assert response.status_code == 401


@pytest.mark.parametrize("name", ["\x00", "\ud800", "x" * 101, 7.5, [], {}])
def test_a_bad_device_name_is_a_400_or_cleaned_and_nothing_is_lost(phone, name):
    body = json.dumps({"device_name": name}).encode()
    response = phone.http.generic(
        "PATCH",
        f"/api/auth/sessions/{phone.sid}/",
        body,
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {phone.access}",
    )
    assert response.status_code in {200, 400}
    assert phone.call_protected().status_code == 200


@pytest.mark.proves("A3")
@pytest.mark.parametrize(
    "agent", ["\x00\x1b[31mred", "x" * 10_000, "<script>alert(1)</script>", "\u202eevil", "é" * 300]
)
def test_a_hostile_user_agent_signs_in_and_is_cut_and_cleaned(alice, agent):
    device = Device()
    device.http.defaults["HTTP_USER_AGENT"] = agent
    assert device.sign_in(alice).status_code == 200
    stored = device.session.user_agent
    assert len(stored) <= 256
    assert stored.isprintable()


@pytest.fixture
def raised():
    """Let the project's own receiver raise at a failed sign-in: ``raised(error)``."""
    receivers = []

    def arrange(error):
        def refuse(**facts):
            raise error

        user_login_failed.connect(refuse)
        receivers.append(refuse)

    yield arrange
    for receiver in receivers:
        user_login_failed.disconnect(receiver)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404("x"), 404, "not_found"),
        (PermissionDenied("x"), 403, "permission_denied"),
        (InterfaceError("x"), 503, "unavailable"),
    ],
)
def test_what_the_projects_own_code_raises_is_answered_in_our_form(
    alice, raised, error, status, code
):
    raised(error)
    answer = Device().sign_in(alice, "wrong")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_list_of_errors_of_the_projects_own_code_is_answered_as_it_is(alice, raised):
    raised(ValidationError(["Not today."]))
    answer = Device().sign_in(alice, "wrong")
    assert (answer.status_code, answer.json()) == (400, ["Not today."])


def test_errors_keep_their_form_under_another_exception_handler(phone, settings):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "EXCEPTION_HANDLER": "tests.test_bad_input.handler_of_the_project",
    }
    assert set(phone.refresh("bad").json()) == {"detail", "code"}


def handler_of_the_project(exc, context):
    raise AssertionError("ours answers for our views")
