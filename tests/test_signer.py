"""A key that signs elsewhere: this process never holds it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from jwt_sessions import sessions
from jwt_sessions.exceptions import BadKey, CannotSign
from jwt_sessions.keys import get_keyring
from tests.forging import header_of, signing_key
from tests.keypairs import PRIVATE_KEYS, private_pem, public_pem
from tests.serving import ROOT

proves = pytest.mark.proves

SIGNER = {"signer": "example_project.signing_service.RemoteSigner"}


@pytest.fixture
def service(tmp_path, monkeypatch):
    """The example's signing service, as a process of its own."""
    address = tmp_path / "signer.sock"
    monkeypatch.setenv("SIGNING_SERVICE", str(address))
    command = [sys.executable, "-m", "example_project.signing_service", str(address)]
    process = subprocess.Popen(command, cwd=ROOT)
    while not address.exists():
        assert process.poll() is None, "the signing service ended"
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


class LocalSigner:
    """A signer by hand, which does not keep to what it says."""

    algorithm = "ES256"
    public_key = public_pem(PRIVATE_KEYS["ES256"])

    def __init__(self, answer):
        self.answer = answer

    def sign(self, message):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@proves("K5")
def test_k5_tokens_are_signed_by_a_process_that_alone_has_the_key(alice, set_jwt, service):
    set_jwt(SIGNING_KEYS=[SIGNER])
    pair = sessions.start(alice)
    assert header_of(pair.access)["alg"] == "ES256"
    sessions.verify(pair.access)
    sessions.verify(pair.refresh)
    assert len(get_keyring().jwks(0)["keys"]) == 1


@proves("P8")
def test_p8_when_it_is_away_requests_go_on_and_nobody_signs_in(phone, set_jwt, service, alice):
    set_jwt(SIGNING_KEYS=[SIGNER])
    phone.sign_in(alice)
    service.kill()
    service.wait()
    assert phone.call_protected().status_code == 200
    refused = phone.refresh()
    assert refused.status_code == 503
    assert refused.json()["code"] == "unavailable"
    assert phone.sign_in(alice).status_code == 503


@proves("P8")
def test_p8_where_it_never_was_there_nobody_is_let_in(phone, set_jwt, monkeypatch, tmp_path):
    monkeypatch.setenv("SIGNING_SERVICE", str(tmp_path / "nothing.sock"))
    set_jwt(SIGNING_KEYS=[SIGNER])
    assert phone.call_protected().status_code == 503


@proves("P8", "P3")
def test_p8_a_client_keeps_its_refresh_token_however_long_nobody_signs(phone, set_jwt, clock):
    signer = LocalSigner(None)
    set_jwt(SIGNING_KEYS=[{"signer": signer}], FALLBACK_KEYS=[{"secret_key": True}])
    assert phone.refresh().status_code == 503
    clock.shift(600)
    set_jwt(SIGNING_KEYS=[{"key": private_pem(PRIVATE_KEYS["ES256"])}])
    assert phone.refresh().status_code == 200


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (OSError("secret"), "does not answer"),
        (b"no signature", "returned no signature"),
        ("text", "returned no signature"),
        (None, "returned no signature"),
    ],
    ids=str,
)
def test_what_is_no_signature_never_leaves(set_jwt, answer, complaint):
    set_jwt(SIGNING_KEYS=[{"signer": LocalSigner(answer)}])
    with pytest.raises(CannotSign, match=complaint) as error:
        signing_key().sign(b"message")
    assert "secret" not in str(error.value)


def test_a_signer_hands_out_its_public_key_only(set_jwt):
    signer = LocalSigner(b"")
    signer.public_key = private_pem(PRIVATE_KEYS["ES256"])
    set_jwt(SIGNING_KEYS=[{"signer": signer}])
    with pytest.raises(BadKey, match="is a private key"):
        get_keyring()
