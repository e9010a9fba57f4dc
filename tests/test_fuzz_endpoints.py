"""Every endpoint that the URLconf knows, under made-up bodies, headers, paths and query strings.

A new endpoint is fuzzed without being named here; what it may answer, its OpenAPI schema says.
"""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from contextlib import contextmanager
from io import BytesIO
from urllib.parse import quote, quote_from_bytes, urlencode

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from jwt_sessions.api.urls import urlpatterns
from tests.people import credentials, name_of
from tests.settings import JWT_SESSIONS, MIDDLEWARE

PREFIX = "/api/auth/"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "\xff"]


def walk(patterns, prefix=PREFIX):
    """Yield path and view class of everything in a URLconf."""
    for pattern in patterns:
        path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern.url_patterns, path)
        else:
            yield path, pattern.callback.cls


def is_handler(view, method):
    return hasattr(view, method.lower())


VIEWS = dict(walk(urlpatterns))
ENDPOINTS = [
    (method, path) for path, view in VIEWS.items() for method in METHODS if is_handler(view, method)
]
SCHEMA = {}


def operation(method, path):
    """What the OpenAPI schema says of an endpoint."""
    if not SCHEMA:
        SCHEMA.update(SchemaGenerator().get_schema(request=None, public=True))
    return SCHEMA["paths"][path][method.lower()]


def fields_of(method, path):
    """The names that the body of an endpoint has."""
    body = operation(method, path).get("requestBody")
    if body is None:
        return []
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return [*SCHEMA["components"]["schemas"][name]["properties"]]


def mostly(usual, *others):
    """What is usual two times of three: the code behind the first refusals wants to be met too."""
    return st.sampled_from([usual, usual, st.one_of(others)]).flatmap(lambda chosen: chosen)


def bent(token):
    """The token with one character replaced."""
    places = st.integers(0, len(token) - 1)
    return st.builds(
        lambda place, char: token[:place] + char + token[place + 1 :],
        places,
        st.characters(max_codepoint=255, exclude_characters="\r\n") | st.sampled_from("Aa0-_=."),
    )


# Lone surrogates too, which st.text() leaves out.
any_text = st.text(st.characters(), max_size=60)
# Whatever a server may hand over of a header: latin-1 without the ends of lines.
header_text = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)
hostile_texts = st.sampled_from(["", " ", "\x00", "\ud800", "a" * 60_000, "💣", "' OR 1=1 --"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | hostile_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=5,
)
raw_bodies = st.sampled_from(
    [
        b"[" * 40_000,
        b"[" * 900 + b"]" * 900,
        b'{"a":' * 9_000,
        b'{"a": ' * 900 + b"1" + b"}" * 900,
        b'{"refresh": 1' + b"0" * 5_000 + b"}",
        b'{"token": "' + b"x" * 70_000 + b'"}',
        b'\xef\xbb\xbf{"token": "x"}',
        '{"token": "x"}'.encode("utf-16"),
        b'{"refresh": "\xff"}',
        b'{"refresh": "\\ud800"}',
        b'{"refresh": "x", "refresh": ["x"]}',
    ]
)


def bodies(fields, device):
    """JSON with the right names and mostly good values in it, other JSON, and other bytes."""
    user = device.session.user
    tokens = {"refresh": device.refresh_token, "token": device.access}
    known = {**credentials(user, name_of(user)), **tokens, "device_name": "Phone"}
    wrong = json_values | st.sampled_from([*tokens.values()]).flatmap(bent)
    values = {field: mostly(st.just(known.get(field)), wrong) for field in fields}
    right, named = st.fixed_dictionaries(values), st.fixed_dictionaries({}, optional=values)
    return mostly(as_json(right), as_json(named), as_json(json_values), raw_bodies, st.binary())


def as_json(values):
    return values.map(json.dumps).map(str.encode)


# Charsets beyond these and parameters like x*=y''z fail in Django before any view is reached.
content_types = mostly(
    st.just("application/json"),
    st.sampled_from(["", "/", "*/*", "text/plain", "multipart/form-data; boundary=x"]),
    st.sampled_from(["application/x-www-form-urlencoded", "APPLICATION/JSON; q=\xff"]),
    st.sampled_from(["utf-8", "utf-16", "latin-1", "none", ""]).map(
        "application/json; charset={}".format
    ),
    header_text.filter(lambda text: not set(text) & {"\x00", "*"}),
)
accepted = mostly(
    st.sampled_from(["*/*", "application/json", "text/html, */*;q=0.8"]),
    st.sampled_from(["text/html", "application/*;q=0", ",;/,", "a/b;" * 3_000]),
    header_text,
)
addresses = st.ip_addresses().map(str) | st.sampled_from(["", "unknown", "[::1]:80", "1.2.3.4:5"])


def authorizations(device):
    """Good ones, and good ones in other spellings, under other schemes, with other tokens."""
    tokens = st.sampled_from([device.access, device.refresh_token])
    other = tokens | tokens.flatmap(bent) | header_text | st.just(f"{device.access}, Bearer x")
    schemes = st.sampled_from(
        ["Bearer", "bearer", "BEARER", "Basic", "Token", "DPoP", "", "Bearer,"]
    )
    made_up = st.builds("{}{}{}".format, schemes, st.sampled_from(["", " ", "  ", "\t"]), other)
    return mostly(st.just(f"Bearer {device.access}"), made_up, header_text)


def headers(device):
    made_up = {
        "HTTP_USER_AGENT": header_text | st.just("Mozilla/5.0 (" * 900),
        "HTTP_X_FORWARDED_FOR": header_text | st.lists(addresses, max_size=4).map(", ".join),
        "HTTP_ACCEPT": accepted | header_text,
        "HTTP_ACCEPT_LANGUAGE": header_text | st.sampled_from(["de", "en-" * 900, "*;q=2"]),
        "HTTP_X_HTTP_METHOD_OVERRIDE": st.sampled_from(METHODS),
        "REMOTE_ADDR": addresses | header_text,
        "CONTENT_LENGTH": st.sampled_from(["-1", "0", "1", "99999", "9" * 5_000, "x", "", "\xb2"]),
    }
    signed_in = {"HTTP_AUTHORIZATION": authorizations(device)}
    return mostly(
        st.fixed_dictionaries(signed_in),
        st.fixed_dictionaries(signed_in, optional=made_up),
        st.fixed_dictionaries({}, optional=made_up),
    )


def cursors():
    """Cursors as they are made by REST framework, with anything for a position, and other text."""
    parts = {
        "p": any_text | st.sampled_from(["1", "9" * 5_000]),
        "o": st.sampled_from(["1", "-1", "1e9", "9" * 5_000, "\xb2"]),
        "r": st.sampled_from(["1", "x"]),
    }
    # A position alone, for what is wrong with the others is found first.
    known = st.fixed_dictionaries({"p": parts["p"]}) | st.fixed_dictionaries({}, optional=parts)
    inside = known.map(lambda parts: b64encode(urlencode(parts, errors="replace").encode()))
    cursor = inside.map(bytes.decode) | any_text
    return cursor.map(lambda text: f"cursor={quote(text, errors='replace')}") | header_text


def paths(path, device):
    """Every variable of `path` filled in with ids, good and bad, and with other bytes."""
    sid = device.sid
    near = st.sampled_from([sid, sid.upper(), sid.replace("-", ""), f"{{{sid}}}", f"{sid[:-1]}g"])
    anything = st.binary(min_size=1, max_size=30).filter(lambda raw: b"/" not in raw)
    ids = mostly(st.just(sid), near, st.uuids().map(str)).map(quote)
    filled = ids | anything.map(quote_from_bytes)
    return filled.map(lambda text: re.sub(r"{\w+}", lambda match: text, path))


@contextmanager
def ground(proxies):
    """Give every example the same ground: alice and her phone, signed in."""
    changed = {
        "JWT_SESSIONS": {**JWT_SESSIONS, "NUM_PROXIES": proxies, "THROTTLE_RATES": None},
        "MIDDLEWARE": [*MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"],
    }
    with (
        override_settings(**changed),
        translation.override(None, deactivate=True),
        transaction.atomic(),
    ):
        yield
        transaction.set_rollback(True)


def send(method, path, body, content_type, query, made_up):
    # As a server hands it over: read as far as it goes, however long it was said to be.
    stream = {"wsgi.input": BytesIO(body)}
    client = APIClient(raise_request_exception=False)
    return client.generic(
        method,
        path,
        body,
        content_type=content_type,
        QUERY_STRING=query.encode("utf-8", "replace").decode("latin-1"),
        **stream,
        **made_up,
    )


def check(response, named):
    """Judge an answer by what all of ours have in common."""
    assert str(response.status_code) in named
    assert response.status_code != 503  # nothing is away here
    assert response["Cache-Control"] == "no-store"
    assert (response.status_code == 401) == ("WWW-Authenticate" in response)
    if response.content:
        assert response["Content-Type"] == "application/json"
        json.loads(response.content)


# The fixtures are made once for all examples, and `ground` undoes what an example does to them.
# How long it takes to make up an example says more about the machine than about the code.
made_up_often = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.proves("P7", "A5", "A6", "A7", "T2", "T3")
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_p7_nothing_made_up_gets_an_answer_that_is_not_named_or_a_token_into_a_log(
    phone, caplog, method, path
):
    named, fields = operation(method, path)["responses"], fields_of(method, path)
    caplog.set_level(logging.DEBUG, logger="jwt_sessions")

    @made_up_often
    @given(
        paths(path, phone),
        bodies(fields, phone),
        content_types,
        cursors(),
        headers(phone),
        st.sampled_from([0, 1, 2]),
    )
    def hold(url, body, content_type, query, made_up, proxies):
        caplog.clear()
        with ground(proxies):
            response = send(method, url, body, content_type, query, made_up)
        check(response, named)
        assert not signatures(body, made_up) & words(caplog)

    hold()


def signatures(body, made_up):
    """The last segments of whatever was presented in the form of a token."""
    presented = f"{body.decode('latin-1')} {made_up.get('HTTP_AUTHORIZATION')}"
    tokens = (word.split(".") for word in re.split(r"[^A-Za-z0-9_.-]+", presented))
    return {token[-1] for token in tokens if len(token) == 3 and len(token[-1]) > 20}


def words(caplog):
    return {*re.findall(r"[A-Za-z0-9_-]{20,}", caplog.text)}


@pytest.mark.proves("P7")
@pytest.mark.parametrize("path", VIEWS)
def test_p7_every_other_method_is_a_405_that_tells_which_there_are(phone, path):
    others = [method for method in METHODS if not is_handler(VIEWS[path], method)]
    good = {"HTTP_AUTHORIZATION": f"Bearer {phone.access}"}
    url = re.sub(r"{\w+}", phone.sid, path)
    known = {method for method, its in ENDPOINTS if its == path}
    for method in others:
        response = send(method, url, b"{}", "application/json", "", good)
        check(response, {"405"})
        assert {*response["Allow"].split(", ")} == {*known, "OPTIONS"} | (
            {"GET"} & known and {"HEAD"}
        )
