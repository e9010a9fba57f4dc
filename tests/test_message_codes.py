"""Codes that are sent by e-mail and SMS: when they work, when not, and how many there are."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jwt_sessions.exceptions import NotDelivered
from jwt_sessions.models import EncryptedTOTP, MessageDevice
from tests.authenticators import ask_for_code, enroll, enter, send
from tests.inboxes import add_address, begin, confirm
from tests.people import Device, claims_of

proves = pytest.mark.proves
MINUTE = 60
DAY = 86_400


@pytest.fixture(params=["email", "sms"])
def inbox(request, mailbox, telephone):
    """Where Alice gets her codes: each test is of both channels."""
    return mailbox if request.param == "email" else telephone


@pytest.fixture
def factor(phone, inbox, clock):
    """The inbox is Alice's second factor, and may be sent the next code at once."""
    inbox.device_id = add_address(phone, inbox)
    clock.shift(MINUTE)
    return inbox


@pytest.fixture
def new_phone():
    """A device that nobody is signed in on."""
    return Device()


@pytest.fixture
def patient(set_jwt):
    """Logins wait longer for a code than codes live."""
    set_jwt(MFA_PENDING_LOGIN_LIFETIME=timedelta(days=2), RECENT_LOGIN_MAX_AGE=timedelta(days=2))


def test_to_begin_sends_a_code_to_the_new_address(phone, inbox):
    assert begin(phone, inbox).status_code == 201
    [(address, text)] = inbox.messages
    assert address == inbox.address
    assert inbox.code() in text


@proves("M9")
def test_an_address_is_no_factor_before_its_code(alice, phone, inbox, new_phone):
    begin(phone, inbox)
    assert phone.get("/api/auth/mfa/").json()["enabled"] is False
    assert new_phone.sign_in(alice).status_code == 200


@proves("M9")
def test_a_wrong_code_confirms_no_address(alice, phone, inbox, new_phone):
    begun = begin(phone, inbox)
    wrong = "000000" if inbox.code() != "000000" else "000001"
    assert confirm(phone, begun, wrong).status_code == 401
    assert new_phone.sign_in(alice).status_code == 200


@proves("M9")
def test_an_address_is_a_factor_from_its_code_on(alice, phone, inbox, new_phone):
    begun = begin(phone, inbox)
    assert len(confirm(phone, begun, inbox.code()).json()["recovery_codes"]) == 10
    asked = new_phone.sign_in(alice)
    assert asked.status_code == 401
    assert asked.json()["methods"] == ["recovery_code", inbox.channel]


@proves("M9")
def test_who_has_a_factor_adds_no_address_without_it(alice, phone, laptop, inbox):
    begun = begin(laptop, inbox)
    enroll(phone)
    refused = confirm(laptop, begun, inbox.code())
    assert refused.status_code == 401
    assert refused.json()["code"] == "insufficient_user_authentication"


@proves("C10")
@pytest.mark.parametrize("is_named", [True, False], ids=["method named", "method not named"])
def test_a_code_that_was_sent_completes_a_login(alice, factor, new_phone, is_named):
    mfa_token = ask_for_code(new_phone, alice)
    assert send(new_phone, mfa_token, factor.channel).status_code == 204
    method = {"method": factor.channel} if is_named else {}
    assert enter(new_phone, mfa_token, factor.code(), **method).status_code == 200
    assert claims_of(new_phone.access)["amr"] == [*factor.amr]


def test_a_code_works_beside_an_authenticator_app_without_naming_either(
    alice, phone, factor, new_phone
):
    enroll(phone)
    mfa_token = ask_for_code(new_phone, alice)
    send(new_phone, mfa_token, factor.channel)
    assert enter(new_phone, mfa_token, factor.code()).status_code == 200


@proves("M1")
def test_a_code_works_once(alice, factor, new_phone):
    first, second = ask_for_code(new_phone, alice), ask_for_code(new_phone, alice)
    send(new_phone, first, factor.channel)
    assert enter(new_phone, first, factor.code()).status_code == 200
    assert enter(Device(), second, factor.code()).status_code == 401


@proves("M1")
def test_the_code_that_confirmed_signs_nobody_in(alice, factor, new_phone):
    mfa_token = ask_for_code(new_phone, alice)
    assert enter(new_phone, mfa_token, factor.code(), method=factor.channel).status_code == 401


@pytest.mark.parametrize(("age", "status"), [(299, 200), (300, 401)], ids=["299 s", "300 s"])
@pytest.mark.usefixtures("patient")
def test_a_code_works_for_the_lifetime_of_messages(alice, factor, new_phone, clock, age, status):
    mfa_token = ask_for_code(new_phone, alice)
    send(new_phone, mfa_token, factor.channel)
    clock.shift(age)
    assert enter(new_phone, mfa_token, factor.code()).status_code == status


def test_a_newer_code_replaces_the_older(alice, factor, new_phone, clock):
    mfa_token = ask_for_code(new_phone, alice)
    send(new_phone, mfa_token, factor.channel)
    older = factor.code()
    clock.shift(MINUTE)
    send(new_phone, mfa_token, factor.channel)
    assert enter(new_phone, mfa_token, older).status_code == 401
    assert enter(new_phone, mfa_token, factor.code()).status_code == 200


def test_a_code_of_one_channel_is_none_of_the_other(alice, phone, mailbox, telephone, clock):
    add_address(phone, mailbox)
    add_address(phone, telephone)
    clock.shift(MINUTE)
    device = Device()
    mfa_token = ask_for_code(device, alice)
    send(device, mfa_token, "email")
    assert enter(device, mfa_token, mailbox.code(), method="sms").status_code == 401


def test_a_code_steps_up(phone, factor):
    assert phone.post("token/step-up/send/", {"method": factor.channel}).status_code == 204
    proven = phone.post("token/step-up/", {"code": factor.code(), "method": factor.channel})
    assert proven.status_code == 200
    assert claims_of(proven.json()["access"])["amr"] == [*factor.amr]


def test_nothing_is_sent_by_a_method_that_the_person_has_not(alice, phone, inbox, new_phone):
    enroll(phone)
    refused = send(new_phone, ask_for_code(new_phone, alice), inbox.channel)
    assert (refused.status_code, refused.json()["code"]) == (404, "no_such_method")
    assert phone.post("token/step-up/send/", {"method": "totp"}).status_code == 404
    assert inbox.messages == []


@proves("M8")
def test_nothing_is_sent_for_a_login_that_is_complete(alice, factor, new_phone, clock):
    mfa_token = ask_for_code(new_phone, alice)
    send(new_phone, mfa_token, factor.channel)
    enter(new_phone, mfa_token, factor.code())
    clock.shift(MINUTE)
    assert send(new_phone, mfa_token, factor.channel).json()["code"] == "mfa_token_expired"


@proves("M4")
def test_a_second_code_waits_as_long_as_retry_after_says(alice, factor, new_phone, clock):
    mfa_token = ask_for_code(new_phone, alice)
    send(new_phone, mfa_token, factor.channel)
    clock.shift(12.5)
    refused = send(new_phone, mfa_token, factor.channel)
    assert (refused.status_code, refused["Retry-After"]) == (429, "48")
    clock.shift(47)
    assert send(new_phone, mfa_token, factor.channel).status_code == 429
    clock.shift(1)
    assert send(new_phone, mfa_token, factor.channel).status_code == 204


@proves("M4")
def test_the_code_before_works_when_it_is_too_soon_for_another(alice, phone, inbox):
    begun = begin(phone, inbox)
    assert begin(phone, inbox, inbox.other_address).status_code == 429
    assert confirm(phone, begun, inbox.code()).status_code == 200
    assert MessageDevice.objects.get().address == inbox.address


@proves("M4")
def test_a_new_login_does_not_shorten_the_wait(alice, factor, new_phone):
    send(new_phone, ask_for_code(new_phone, alice), factor.channel)
    assert send(new_phone, ask_for_code(new_phone, alice), factor.channel).status_code == 429


def test_the_other_channel_need_not_wait(phone, mailbox, telephone):
    assert begin(phone, mailbox).status_code == 201
    assert begin(phone, telephone).status_code == 201


def test_other_people_need_not_wait(phone, inbox, bob, new_phone):
    begin(phone, inbox)
    new_phone.sign_in(bob)
    assert begin(new_phone, inbox).status_code == 201


@proves("M4")
@pytest.mark.usefixtures("patient")
def test_the_limit_of_a_day_outlives_new_addresses_removals_and_logins(
    alice, phone, inbox, set_jwt, clock
):
    set_jwt(MFA_MESSAGES_PER_DAY=3)
    begin(phone, inbox)
    clock.shift(MINUTE)
    device_id = add_address(phone, inbox, inbox.other_address)
    phone.delete(f"mfa/devices/{device_id}/")
    clock.shift(MINUTE)
    add_address(phone, inbox)
    clock.shift(MINUTE)
    phone.access = None
    refused = send(phone, ask_for_code(phone, alice), inbox.channel)
    assert (refused.status_code, refused["Retry-After"]) == (429, str(DAY - 3 * MINUTE))
    clock.shift(DAY - 3 * MINUTE - 1)
    assert send(phone, ask_for_code(phone, alice), inbox.channel).status_code == 429
    clock.shift(1)
    assert send(phone, ask_for_code(phone, alice), inbox.channel).status_code == 204
    assert len(inbox.messages) == 4


def test_many_accounts_cannot_flood_a_stranger(phone, telephone, bob, set_jwt):
    set_jwt(THROTTLE_RATES={"message_address": "1/day"})
    other = Device()
    other.sign_in(bob)
    assert begin(phone, telephone, "+49 170-123 45 67").status_code == 201
    answer = begin(other, telephone, "+491701234567")
    assert (answer.status_code, len(telephone.messages)) == (429, 1)
    assert begin(other, telephone, telephone.other_address).status_code == 201


@proves("P8")
def test_a_gateway_that_fails_is_503_and_may_be_tried_again_at_once(phone, inbox):
    inbox.fail()
    refused = begin(phone, inbox)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    inbox.recover()
    assert confirm(phone, begin(phone, inbox), inbox.code()).status_code == 200


def test_a_gateway_that_fails_leaves_the_code_before_as_it_was(alice, factor, new_phone, clock):
    mfa_token = ask_for_code(new_phone, alice)
    send(new_phone, mfa_token, factor.channel)
    clock.shift(MINUTE)
    factor.fail()
    assert send(new_phone, mfa_token, factor.channel).status_code == 503
    assert enter(new_phone, mfa_token, factor.code()).status_code == 200


@proves("M1")
def test_a_code_used_while_the_gateway_fails_does_not_come_back(alice, factor, new_phone, clock):
    first, second = ask_for_code(new_phone, alice), ask_for_code(new_phone, alice)
    send(new_phone, first, factor.channel)
    clock.shift(MINUTE)
    as_it_was = MessageDevice.objects.get()
    enter(new_phone, first, factor.code())
    factor.fail()
    with pytest.raises(NotDelivered):
        as_it_was.send_code()
    assert enter(Device(), second, factor.code(), method=factor.channel).status_code == 401


def test_confirming_another_address_replaces_the_one_before(alice, phone, factor, new_phone):
    add_address(phone, factor, factor.other_address)
    assert MessageDevice.objects.get().address == factor.other_address
    assert len(phone.get("/api/auth/mfa/").json()["devices"]) == 1


def test_another_address_replaces_nothing_before_it_is_confirmed(alice, phone, factor, clock):
    begin(phone, factor, factor.other_address)
    clock.shift(MINUTE)
    device = Device()
    send(device, ask_for_code(device, alice), factor.channel)
    assert factor.messages[-1][0] == factor.address


def test_the_addresses_of_two_channels_live_side_by_side(phone, mailbox, telephone):
    add_address(phone, mailbox)
    add_address(phone, telephone)
    types = [device["type"] for device in phone.get("/api/auth/mfa/").json()["devices"]]
    assert sorted(types) == ["email", "sms"]


@pytest.mark.parametrize("offered", [("totp",), ()], ids=["another one is", "none is"])
def test_what_is_not_offered_cannot_be_begun_but_goes_on_working(
    alice, phone, factor, set_jwt, new_phone, offered
):
    set_jwt(MFA_METHODS=offered)
    assert begin(phone, factor, factor.other_address).json().keys() == {"channel"}
    mfa_token = ask_for_code(new_phone, alice)
    send(new_phone, mfa_token, factor.channel)
    assert enter(new_phone, mfa_token, factor.code()).status_code == 200


def test_sms_is_not_offered_without_a_gateway(phone, telephone, set_jwt):
    set_jwt(MFA_SMS_SENDER=None)
    refused = begin(phone, telephone)
    assert refused.status_code == 400
    assert refused.json() == {"channel": ["This is not offered here."]}


def test_totp_works_as_before_where_messages_are_not_offered(phone, set_jwt):
    set_jwt(MFA_METHODS=("totp",))
    enroll(phone)
    assert EncryptedTOTP.objects.get().confirmed
