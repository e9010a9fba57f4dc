from __future__ import annotations

import pytest

from tests.authenticators import enroll
from tests.people import Device, claims_of

proves = pytest.mark.proves


@pytest.fixture
def authenticator(phone, clock):
    """Alice's authenticator app; its next code is new."""
    app = enroll(phone, name="My phone")
    clock.shift(30)
    return app


def test_a_login_takes_password_and_code(alice, authenticator):
    device = Device()
    asked = device.sign_in(alice)
    assert asked.status_code == 401
    assert asked.json()["code"] == "mfa_required"
    assert asked.json()["methods"] == ["totp", "recovery_code"]
    body = {"mfa_token": asked.json()["mfa_token"], "code": authenticator.code()}
    done = device.post("token/mfa/", body)
    assert done.status_code == 200, done.content
    assert claims_of(done.json()["access"])["amr"] == ["pwd", "otp", "mfa"]
