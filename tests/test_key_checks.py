"""P11: keys that cannot serve, and claims that must not, are named before anybody signs in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.checking import problems
from tests.keypairs import PRIVATE_KEYS, new_pem, private_pem, public_pem

pytestmark = pytest.mark.proves("P11")

SECRET = "a secret that is long enough to please the checks"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"SIGNING_KEYS": [{"env": "JWT_KEY_THAT_IS_NOT_SET"}]}, "E005"),
        ({"SIGNING_KEYS": [{"key": "x" * 31}]}, "E005"),
        (
            {"SIGNING_KEYS": [{"key": private_pem(PRIVATE_KEYS["ES256"]), "algorithm": "RS256"}]},
            "E005",
        ),
        ({"SIGNING_KEYS": []}, "E005"),
        ({"SIGNING_KEYS": "text"}, "E005"),
        ({"SIGNING_KEYS": [{"key": SECRET}, {"key": SECRET}]}, "E018"),
        ({"SIGNING_KEYS": [{"key": SECRET}, {"key": new_pem()}]}, "E019"),
        ({"SIGNING_KEYS": [{"key": public_pem(PRIVATE_KEYS["ES256"])}]}, "W008"),
        ({"SIGNING_KEYS": [{"key": SECRET}], "SIGNING_KEY": SECRET}, "W012"),
        ({"SIGNING_KEYS": [{"key": SECRET}], "ALGORITHM": "HS256"}, "W012"),
        ({"FALLBACK_KEYS": [{"file": "/there/is/no/such/file"}]}, "E005"),
        ({"TRUSTED_ISSUERS": ["https://theirs.example"]}, "E003"),
        ({"TRUSTED_ISSUERS": {7: {"key": public_pem(PRIVATE_KEYS["ES256"])}}}, "E003"),
        ({"TRUSTED_ISSUERS": {"https://theirs.example": {"key": SECRET}}}, "E005"),
        (
            {
                "TRUSTED_ISSUERS": {
                    "https://issuer.example": {"key": public_pem(PRIVATE_KEYS["ES256"])}
                }
            },
            "E021",
        ),
        ({"EXTRA_CLAIMS": "nowhere.to_be_found"}, "E020"),
        ({"EXTRA_CLAIMS": {"a": 1}}, "E020"),
        ({"ACCESS_TOKEN_LIFETIME": timedelta(hours=1, seconds=1)}, "W009"),
        ({"KEY_RELOAD_INTERVAL": 10}, "E002"),
        ({"JWKS_MAX_AGE": timedelta(0)}, "E002"),
        ({"SIGNING_KEY_MAX_AGE": 90}, "E002"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_p11_keys_and_claims_that_cannot_serve_are_named(set_jwt, values, problem):
    set_jwt(**values)
    assert set(problems()) == {f"jwt_sessions.{problem}"}


def test_a_bad_file_in_a_directory_is_named(set_jwt, tmp_path):
    (tmp_path / "good.pem").write_text(new_pem())
    (tmp_path / "bad.pem").write_text("no key")
    set_jwt(SIGNING_KEYS=[{"directory": tmp_path}])
    assert "bad.pem" in problems()["jwt_sessions.E005"].msg


@pytest.mark.parametrize(("days", "is_old"), [(364, False), (366, True)])
def test_deploy_asks_for_a_young_signing_key(set_jwt, clock, days, is_old):
    set_jwt(SIGNING_KEYS=[{"key": new_pem(), "signs_from": "2026-11-23T12:00:00Z"}])
    clock.shift(timedelta(days=days))
    assert ("jwt_sessions.W010" in problems(deploy=True)) is is_old
    set_jwt(SIGNING_KEY_MAX_AGE=None)
    assert "jwt_sessions.W010" not in problems(deploy=True)


def test_an_age_that_is_no_duration_is_named_and_compared_with_nothing(set_jwt):
    key = {"key": new_pem(), "signs_from": "2020-01-01T00:00:00Z"}
    set_jwt(SIGNING_KEYS=[key], SIGNING_KEY_MAX_AGE=90)
    assert "jwt_sessions.E002" in problems(deploy=True)


@pytest.mark.parametrize(
    ("ours", "theirs", "is_fine"),
    [
        ({}, {"SECURE_SSL_REDIRECT": True}, True),
        ({}, {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}, True),
        ({}, {}, False),
        ({"ISSUER": "http://issuer.example"}, {"SECURE_SSL_REDIRECT": True}, False),
    ],
)
def test_deploy_asks_for_https(settings, set_jwt, ours, theirs, is_fine):
    set_jwt(**ours)
    for name, value in theirs.items():
        setattr(settings, name, value)
    assert ("jwt_sessions.W011" in problems(deploy=True)) is not is_fine
