"""What a second factor costs the database: a fixed number of queries, however much there is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.models import EncryptedTOTP, PendingLogin
from jwt_sessions.models.recovery_codes import RecoveryCodeHasher
from tests.authenticators import Authenticator, ask_for_code, enroll, enter, send
from tests.inboxes import add_address, begin, confirm
from tests.people import Device

MINUTE = 60


class Household:
    """Alice with her phone, where she has signed in, and everything she proves herself by."""

    def __init__(self, alice, phone, mailbox, clock):
        self.alice, self.phone, self.mailbox, self.clock = alice, phone, mailbox, clock
        self.app = enroll(phone)
        add_address(phone, mailbox)
        clock.shift(MINUTE)
        self.device = Device()

    def crowd(self):
        """Add sessions, old and waiting logins, and devices."""
        now = timezone.now()
        for number in range(1, 5):
            sessions.start(self.alice)
            EncryptedTOTP.make(user_id=self.alice.pk, confirmed=True, name=str(number))
            for expires_at in (now - timedelta(hours=number), now + timedelta(hours=number)):
                PendingLogin.objects.create(user=self.alice, created_at=now, expires_at=expires_at)

    def sign_in(self):
        return lambda: self.device.sign_in(self.alice)

    def complete(self, code, **body):
        mfa_token = ask_for_code(self.device, self.alice)
        return lambda: enter(self.device, mfa_token, code, **body)

    def complete_by_totp(self):
        return self.complete(self.app.code())

    def complete_by_totp_named(self):
        return self.complete(self.app.code(), method="totp")

    def complete_by_recovery_code(self):
        return self.complete(self.app.recovery_codes[0])

    def complete_by_message(self):
        mfa_token = ask_for_code(self.device, self.alice)
        send(self.device, mfa_token, "email")
        code = self.mailbox.code()
        return lambda: enter(self.device, mfa_token, code, method="email")

    def complete_by_wrong_code(self):
        return self.complete(self.app.wrong_code())

    def send_to_complete(self):
        mfa_token = ask_for_code(self.device, self.alice)
        return lambda: send(self.device, mfa_token, "email")

    def step_up_by_totp(self):
        body = {"code": self.app.code()}
        return lambda: self.phone.post("token/step-up/", body)

    def step_up_by_recovery_code(self):
        body = {"code": self.app.recovery_codes[0]}
        return lambda: self.phone.post("token/step-up/", body)

    def send_to_step_up(self):
        return lambda: self.phone.post("token/step-up/send/", {"method": "email"})

    def look(self):
        return lambda: self.phone.get("/api/auth/mfa/")

    def begin_totp(self):
        return lambda: self.phone.post("mfa/totp/", {"name": "Tablet"})

    def confirm_totp(self):
        begun = self.phone.post("mfa/totp/", {}).json()
        body = {"code": Authenticator(begun["otpauth_uri"]).code()}
        return lambda: self.phone.post(f"mfa/totp/{begun['id']}/confirm/", body)

    def begin_message(self):
        return lambda: begin(self.phone, self.mailbox, self.mailbox.other_address)

    def confirm_message(self):
        begun = begin(self.phone, self.mailbox, self.mailbox.other_address)
        code = self.mailbox.code()
        return lambda: confirm(self.phone, begun, code)

    def rename(self):
        return lambda: self.phone.patch(f"mfa/devices/{self.app.id}/", {"name": "Tablet"})

    def remove(self):
        return lambda: self.phone.delete(f"mfa/devices/{self.app.id}/")

    def renew(self):
        return lambda: self.phone.post("mfa/recovery-codes/")


# The answer, the number of statements, and how many more there are where a database has row locks:
# one for the user's. Within a test, a transaction's begin and end are statements too.
COSTS = {
    "sign_in": (401, 5, 0),
    "complete_by_totp": (200, 14, 1),
    "complete_by_totp_named": (200, 14, 1),
    "complete_by_recovery_code": (200, 21, 1),
    "complete_by_message": (200, 14, 1),
    "complete_by_wrong_code": (401, 7, 0),
    "send_to_complete": (204, 5, 0),
    "step_up_by_totp": (200, 10, 1),
    "step_up_by_recovery_code": (200, 17, 1),
    "send_to_step_up": (204, 5, 0),
    "look": (200, 4, 0),
    "begin_totp": (201, 7, 1),
    "confirm_totp": (200, 13, 1),
    "begin_message": (201, 9, 1),
    "confirm_message": (200, 15, 1),
    "rename": (200, 4, 0),
    "remove": (204, 8, 1),
    "renew": (200, 11, 1),
}


@pytest.fixture
def household(alice, phone, mailbox, clock, set_jwt):
    set_jwt(MFA_PENDING_LOGIN_LIFETIME=timedelta(minutes=5))
    return Household(alice, phone, mailbox, clock)


@pytest.mark.proves("P12")
@pytest.mark.parametrize("is_crowded", [False, True], ids=["few rows", "many rows"])
@pytest.mark.parametrize("act", [*COSTS])
def test_p12_the_number_of_queries_is_fixed(household, act, is_crowded, django_assert_num_queries):
    if is_crowded:
        household.crowd()
    status, statements, locks = COSTS[act]
    run = getattr(household, act)()
    with django_assert_num_queries(statements + locks * connection.features.has_select_for_update):
        assert run().status_code == status


@pytest.fixture
def hashing(monkeypatch):
    """The list of whether a transaction was open, each time that a recovery code is hashed."""
    seen = []
    for name in ("encode", "verify"):
        really_do = getattr(RecoveryCodeHasher, name)

        def look(self, *arguments, really_do=really_do, **keywords):
            seen.append(connection.in_atomic_block)
            return really_do(self, *arguments, **keywords)

        monkeypatch.setattr(RecoveryCodeHasher, name, look)
    return seen


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["complete_by_recovery_code", "step_up_by_recovery_code", "renew"])
def test_no_transaction_is_open_while_a_recovery_code_is_hashed(household, hashing, act):
    run = getattr(household, act)()
    hashing.clear()
    assert run().status_code == 200
    assert set(hashing) == {False}


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_first_recovery_codes_are_hashed(phone, hashing):
    enroll(phone)
    assert hashing == [False] * 10
