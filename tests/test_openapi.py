from __future__ import annotations

import pytest
import yaml
from django.core.management import call_command


@pytest.fixture
def schema(tmp_path):
    path = tmp_path / "schema.yml"
    call_command("spectacular", file=str(path), validate=True, fail_on_warn=True)
    return yaml.safe_load(path.read_text())


def test_every_endpoint_is_described(schema):
    assert {path for path in schema["paths"] if path.startswith("/api/auth/")} == {
        "/api/auth/logout/",
        "/api/auth/mfa/",
        "/api/auth/mfa/devices/{device_id}/",
        "/api/auth/mfa/messages/",
        "/api/auth/mfa/messages/{device_id}/confirm/",
        "/api/auth/mfa/recovery-codes/",
        "/api/auth/mfa/totp/",
        "/api/auth/mfa/totp/{device_id}/confirm/",
        "/api/auth/sessions/",
        "/api/auth/sessions/revoke-all/",
        "/api/auth/sessions/revoke-others/",
        "/api/auth/sessions/{sid}/",
        "/api/auth/token/",
        "/api/auth/token/blacklist/",
        "/api/auth/token/mfa/",
        "/api/auth/token/mfa/send/",
        "/api/auth/token/refresh/",
        "/api/auth/token/step-up/",
        "/api/auth/token/step-up/send/",
        "/api/auth/token/verify/",
    }


def test_the_access_token_is_described_as_a_bearer_token(schema):
    scheme = schema["components"]["securitySchemes"]["accessToken"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    for path in ("/api/auth/logout/", "/api/auth/sessions/", "/protected/"):
        for operation in schema["paths"][path].values():
            assert operation["security"] == [{"accessToken": []}]


def test_answers_and_errors_are_described(schema):
    responses = schema["paths"]["/api/auth/token/mfa/"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "406", "409", "415", "429", "503"}
    reference = responses["200"]["content"]["application/json"]["schema"]["$ref"]
    assert reference == "#/components/schemas/SignedIn"


def test_every_operation_names_what_any_of_them_may_answer(schema):
    for path, operations in schema["paths"].items():
        if not path.startswith("/api/auth/"):
            continue
        for operation in operations.values():
            responses = operation["responses"]
            assert responses.keys() >= {"401", "406", "429", "503"}
            assert "WWW-Authenticate" in responses["401"]["headers"]
            assert "Retry-After" in responses["429"]["headers"]
            assert "Retry-After" in responses["503"]["headers"]
            assert all("Cache-Control" in answer["headers"] for answer in responses.values())


def test_a_rename_without_a_name_is_not_described_as_possible(schema):
    body = schema["paths"]["/api/auth/sessions/{sid}/"]["patch"]["requestBody"]
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert body["required"]
    assert schema["components"]["schemas"][name]["required"] == ["device_name"]
