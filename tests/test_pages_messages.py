"""The pages to have codes sent by e-mail or SMS."""

from __future__ import annotations

import pytest
from django.contrib.auth.base_user import AbstractBaseUser

from jwt_sessions.models import EncryptedTOTP, MessageDevice
from tests.factors import give_totp
from tests.visitors import address_of

proves = pytest.mark.proves

NO_MAIL_ADDRESSES = [
    "",
    "x",
    "a@b\r\nBcc: mallory@evil.example",
    "alice@home.example,mallory@evil.example",
    "alice@\u202ehome.example",
    "x" * 250 + "@home.example",
    "\x00@home.example",
]
NO_NUMBERS = ["", "0170 1234567", "+49", "+" + "1" * 16, "+49170\u0661\u0662\u0663\u0664", "\x00"]


@pytest.fixture
def signed_in(visitor):
    """Alice, who has just signed in, and has no second factor."""
    return visitor.sign_in()


@pytest.fixture(params=["mailbox", "telephone"])
def inbox(request):
    """Where a code arrives."""
    return request.getfixturevalue(request.param)


def begin(visitor, inbox):
    visitor.send("message", inbox.channel, address=inbox.address)
    visitor.follow()


def test_an_address_counts_from_the_code_on_that_was_sent_there(signed_in, inbox):
    begin(signed_in, inbox)
    assert inbox.masked in signed_in.text
    assert not MessageDevice.objects.get().confirmed
    signed_in.submit(code=inbox.code())
    assert len(signed_in.codes) == 10
    assert MessageDevice.objects.get().confirmed
    assert signed_in.session.amr == list(inbox.amr)


def test_it_lets_its_owner_in(signed_in, inbox, other_browser, clock):
    begin(signed_in, inbox)
    signed_in.submit(code=inbox.code())
    clock.shift(60)
    other_browser.give_password()
    other_browser.submit(send=inbox.channel)
    other_browser.submit(code=inbox.code())
    assert other_browser.is_in


def test_to_look_sends_nothing(signed_in, inbox):
    signed_in.open("message", inbox.channel)
    assert not inbox.messages
    assert not MessageDevice.objects.exists()


@pytest.mark.usefixtures("telephone")
def test_the_address_of_the_account_is_suggested(signed_in, monkeypatch):
    signed_in.open("message", "email")
    assert signed_in.elements.inputs()["address"]["value"] == "alice@example.com"
    signed_in.open("message", "sms")
    assert "value" not in signed_in.elements.inputs()["address"]
    monkeypatch.delattr(AbstractBaseUser, "get_email_field_name")
    signed_in.open("message", "email")
    assert "value" not in signed_in.elements.inputs()["address"]


@proves("M9")
def test_m9_a_wrong_code_is_none(signed_in, inbox):
    begin(signed_in, inbox)
    code = inbox.code()
    signed_in.submit(code="000000" if code != "000000" else "111111")
    assert "This code is not valid." in signed_in.text
    assert not MessageDevice.objects.get().confirmed
    signed_in.submit(code=code)
    assert MessageDevice.objects.get().confirmed


@proves("M9", "P9")
def test_m9_who_has_a_factor_adds_no_address_without_it(signed_in, inbox, alice):
    begin(signed_in, inbox)
    give_totp(alice)
    for body in ({"address": inbox.other_address}, {"code": inbox.code()}):
        answer = signed_in.send("message", inbox.channel, **body)
        assert answer["Location"].startswith(address_of("confirm"))
    assert not MessageDevice.objects.get().confirmed


def test_what_cannot_be_sent_is_said_and_no_code_asked_for(signed_in, inbox):
    inbox.fail()
    signed_in.send("message", inbox.channel, address=inbox.address)
    assert (signed_in.page.status_code, signed_in.page["Retry-After"]) == (503, "5")
    assert "The code could not be sent." in signed_in.text
    assert "code" not in signed_in.elements.inputs()
    assert signed_in.elements.inputs()["address"]["value"] == inbox.address
    inbox.recover()
    begin(signed_in, inbox)
    signed_in.submit(code=inbox.code())
    assert MessageDevice.objects.get().confirmed


def test_the_next_one_must_wait_and_the_first_one_is_good_meanwhile(signed_in, inbox):
    begin(signed_in, inbox)
    signed_in.send("message", inbox.channel, address=inbox.other_address)
    assert signed_in.page.status_code == 429
    assert int(signed_in.page["Retry-After"]) > 0
    assert "A code was sent already." in signed_in.text
    assert [address for address, _ in inbox.messages] == [inbox.address]
    signed_in.submit(code=inbox.code())
    assert MessageDevice.objects.get().address == inbox.address


def test_a_stranger_is_not_flooded(signed_in, inbox, set_jwt, clock):
    set_jwt(THROTTLE_RATES={"message_address": "1/day"})
    begin(signed_in, inbox)
    clock.shift(600)
    signed_in.send("message", inbox.channel, address=inbox.address)
    assert signed_in.page.status_code == 429
    assert "Too many tries." in signed_in.text
    assert "code" in signed_in.elements.inputs()
    assert len(inbox.messages) == 1


def test_codes_run_out_of_tries(signed_in, inbox, set_jwt):
    set_jwt(THROTTLE_RATES={"second_factor": "1/min"})
    begin(signed_in, inbox)
    signed_in.submit(code="x")
    signed_in.submit(code=inbox.code())
    assert (signed_in.page.status_code, signed_in.page["Retry-After"]) == (429, "60")
    assert "code" in signed_in.elements.inputs()


@pytest.mark.parametrize(
    ("channel", "address"),
    [*(("email", each) for each in NO_MAIL_ADDRESSES), *(("sms", each) for each in NO_NUMBERS)],
    ids=ascii,
)
def test_what_is_no_address_is_asked_for_again(signed_in, mailbox, telephone, channel, address):
    signed_in.send("message", channel, address=address)
    assert signed_in.page.status_code == 200
    assert "errorlist" in signed_in.text
    assert [*mailbox.messages, *telephone.messages] == []
    assert not MessageDevice.objects.exists()


@pytest.mark.parametrize("channel", ["sms", "totp", "recovery_code", "x", "\x00"])
def test_there_is_no_page_for_what_is_not_offered(signed_in, channel):
    assert signed_in.open("message", channel).status_code == 404
    assert signed_in.send("message", channel, address="+491701234567").status_code == 404


def test_ten_devices_are_enough(visitor, alice, mailbox):
    app = give_totp(alice)
    for number in range(9):
        EncryptedTOTP.make(user_id=alice.pk, name=str(number), confirmed=True)
    visitor.sign_in(code=app.code())
    visitor.send("message", "email", address=mailbox.address)
    visitor.follow()
    assert "You have too many devices." in visitor.text
    assert not mailbox.messages


def test_another_address_takes_the_place_of_the_first(signed_in, inbox, clock):
    begin(signed_in, inbox)
    signed_in.submit(code=inbox.code())
    clock.shift(600)
    signed_in.send("message", inbox.channel, address=inbox.other_address)
    signed_in.follow()
    signed_in.submit(code=inbox.code())
    assert signed_in.leads_to == f"{address_of('second_factor')}?changed=yes"
    assert MessageDevice.objects.get().address == inbox.other_address
