from __future__ import annotations

import pytest
from django.core import mail

from jwt_sessions.delivery import deliver_code
from jwt_sessions.exceptions import NotDelivered
from jwt_sessions.mfa.events import name_of_method
from tests.authenticators import ask_for_code, enter, send
from tests.inboxes import add_address
from tests.people import Device

pytestmark = [pytest.mark.once]

SENT = []


def send_sms(number, text):
    SENT.append(number)


def test_a_gateway_may_be_named_by_its_path(set_jwt):
    set_jwt(MFA_SMS_SENDER="tests.test_delivery.send_sms")
    SENT.clear()
    deliver_code("123456", channel="sms", address="+491701234567")
    assert SENT == ["+491701234567"]


@pytest.mark.proves("P8")
def test_where_the_gateway_is_gone_recovery_codes_still_work(
    alice, phone, telephone, set_jwt, clock
):
    add_address(phone, telephone)
    code = phone.post("mfa/recovery-codes/").json()["recovery_codes"][0]
    clock.shift(60)
    set_jwt(MFA_SMS_SENDER=None)
    device = Device()
    mfa_token = ask_for_code(device, alice)
    assert send(device, mfa_token, "sms").status_code == 503
    assert enter(device, mfa_token, code).status_code == 200


def test_what_failed_cannot_be_logged_by_who_catches_it(telephone):
    telephone.fail()
    with pytest.raises(NotDelivered) as caught:
        deliver_code("123456", channel="sms", address=telephone.address)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_subject_is_one_line_whatever_the_site_is_called(mailbox, set_jwt):
    set_jwt(MFA_ISSUER_NAME="Tom\nBcc: mallory@evil.example")
    deliver_code("123456", channel="email", address=mailbox.address)
    assert mail.outbox[0].subject == "Your code for Tom Bcc: mallory@evil.example"
    assert mail.outbox[0].recipients() == [mailbox.address]


def test_a_project_gives_one_kind_of_mail_a_subject_of_its_own(settings, tmp_path, happen):
    folder = tmp_path / "jwt_sessions" / "mail"
    folder.mkdir(parents=True)
    (folder / "factor_added_subject.txt").write_text("Welcome to two factors")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]}]
    happen("factor_added")
    assert mail.outbox[0].subject == "Welcome to two factors"
    assert "second factor was added" in mail.outbox[0].body


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("totp", "authenticator app"),
        ("email", "e-mail"),
        ("sms", "SMS"),
        ("recovery_code", "recovery code"),
        ("jwt_sessions.messagedevice", "address for codes"),
        ("gone.device", "gone.device"),
    ],
)
def test_a_method_is_called_what_people_call_it(method, name):
    assert name_of_method(method) == name
