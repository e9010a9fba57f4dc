"""Who waits for whom: a busy account meets no deadlock, and a deleted one no 500."""

from __future__ import annotations

import random
from functools import partial
from threading import Event

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models.signals import post_delete
from django_otp.plugins.otp_static.models import StaticDevice

from jwt_sessions import accounts, sessions
from jwt_sessions.mfa import proving, turns
from jwt_sessions.models import EncryptedTOTP, RecoveryCodes, RevokedReason, Session
from jwt_sessions.models.factor_allowance import FactorAllowanceQuerySet
from jwt_sessions.models.recovery_codes import RecoveryCodeHasher
from jwt_sessions.sessions import refreshing, starting
from tests.authenticators import Authenticator
from tests.factors import give_recovery_codes, give_stock_static, give_totp, wait_for_code
from tests.factors import sign_in as proven_session
from tests.people import Device

proves = pytest.mark.proves

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.races,
    pytest.mark.usefixtures("throttles_off"),
    pytest.mark.xdist_group("races"),
]
# Nothing tells when another waits for a lock. Too short a time proves less, no more.
A_MOMENT = 0.4


@pytest.fixture(autouse=True)
def no_mails(throttles_off, set_jwt):
    set_jwt(SECURITY_MAILS=False)


@pytest.fixture
def hold(monkeypatch):
    """Let a function pause after its work, with its locks; returns when it has them."""

    def hold_after(module, name):
        has_locks, function = Event(), getattr(module, name)

        def hold(*arguments, **keywords):
            result = function(*arguments, **keywords)
            has_locks.set()
            Event().wait(A_MOMENT)
            return result

        monkeypatch.setattr(module, name, hold)
        return has_locks

    return hold_after


def after(event, act):
    """The act, once the event has happened."""

    def wait_and_act():
        event.wait(30)
        return act()

    return wait_and_act


def delete(user):
    return get_user_model().objects.get(pk=user.pk).delete()


@proves("P8")
def test_a_sign_in_at_the_limit_and_a_sign_out_of_the_session_it_ends(
    alice, phone, threads, hold, set_jwt
):
    set_jwt(MAX_SESSIONS_PER_USER=1)
    has_locks = hold(starting, "take_turns")
    signed_in, signed_out = threads(2).at_once(
        lambda: Device().sign_in(alice),
        after(has_locks, lambda: phone.delete(f"sessions/{phone.sid}/")),
    )
    assert signed_in.status_code == 200
    assert signed_out.status_code in {204, 401, 404}


@proves("P8")
def test_a_sign_in_at_the_limit_and_a_deletion_of_the_account(alice, phone, threads, hold, set_jwt):
    set_jwt(MAX_SESSIONS_PER_USER=1)
    has_locks = hold(starting, "take_turns")
    signed_in, _ = threads(2).at_once(
        lambda: Device().sign_in(alice), after(has_locks, lambda: delete(alice))
    )
    assert signed_in.status_code in {200, 401}
    assert not Session.objects.live().exclude(user=None).exists()


@proves("P8", "V1")
def test_a_changed_password_and_a_sign_out_everywhere(alice, phone, laptop, threads, monkeypatch):
    has_locks, unbind = Event(), sessions.revoke_unbound

    def hold_and_unbind(user):
        has_locks.set()
        Event().wait(A_MOMENT)
        return unbind(user)

    def change_password():
        with transaction.atomic():
            alice.set_password("another")
            alice.save()

    monkeypatch.setattr(accounts.sessions, "revoke_unbound", hold_and_unbind)
    _, answer = threads(2).at_once(
        change_password, after(has_locks, lambda: phone.post("sessions/revoke-all/"))
    )
    assert answer.status_code in {200, 401}
    assert not Session.objects.live().exists()


@proves("P8", "P12")
def test_all_that_an_account_can_do_at_once(alice, threads, set_jwt):
    if connection.vendor == "sqlite":
        pytest.skip("a save that has read cannot wait for its turn on SQLite, whoever saves")
    set_jwt(MAX_SESSIONS_PER_USER=2)
    pool, found = [Device()], []
    pool[0].sign_in(alice)

    def sign_in():
        device = Device()
        found.append(device.sign_in(alice).status_code)
        pool.append(device)
        del pool[:-3]

    def change_password():
        with transaction.atomic():
            user = get_user_model().objects.get(pk=alice.pk)
            user.set_password("alice")
            user.save()

    def rename():
        device = random.choice(pool)
        found.append(
            device.patch(f"sessions/{device.sid}/", {"device_name": "New name"}).status_code
        )

    acts = (
        sign_in,
        sign_in,
        lambda: found.append(random.choice(pool).refresh().status_code),
        lambda: found.append(random.choice(pool).post("sessions/revoke-others/").status_code),
        lambda: found.append(random.choice(pool).post("sessions/revoke-all/").status_code),
        rename,
        change_password,
    )

    def again_and_again(act):
        return lambda: [act() for _ in range(25)]

    threads(len(acts)).at_once(*map(again_and_again, acts))
    assert set(found) <= {200, 204, 401, 404}


@proves("P7")
@pytest.mark.parametrize("maximum", [None, 2])
def test_p7_an_account_deleted_while_its_owner_signs_in_is_a_401(
    alice, threads, monkeypatch, set_jwt, maximum
):
    set_jwt(MAX_SESSIONS_PER_USER=maximum)
    prove = accounts.prove_password

    def prove_and_let_it_be_deleted(*arguments):
        user = prove(*arguments)
        threads(1).at_once(lambda: delete(alice))
        return user

    monkeypatch.setattr(accounts, "prove_password", prove_and_let_it_be_deleted)
    answer = Device().sign_in(alice)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_active_account")
    assert not Session.objects.exists()


@proves("P4", "P7")
def test_p4_a_reuse_of_an_account_that_was_just_deleted_is_a_401(
    alice, phone, threads, monkeypatch, caplog
):
    old = phone.refresh_token
    phone.refresh()
    phone.refresh()
    end = refreshing.revoke

    def end_and_let_it_be_deleted(*arguments, **keywords):
        ended = end(*arguments, **keywords)
        threads(1).at_once(lambda: delete(alice))
        return ended

    monkeypatch.setattr(refreshing, "revoke", end_and_let_it_be_deleted)
    assert phone.refresh(old).status_code == 401
    assert phone.session.revoked_reason == RevokedReason.TOKEN_REUSED


def sign_in_with(app):
    """Sign in by password and the code that an app shows next."""

    def act(user):
        device = Device()
        asked = device.sign_in(user)
        if asked.json()["code"] != "mfa_required":
            return asked
        body = {"mfa_token": asked.json()["mfa_token"], "code": app.code(steps=1)}
        return device.post("token/mfa/", body)

    return act


@proves("P8", "P9")
def test_all_that_a_second_factor_can_do_at_once(alice, threads, set_jwt, monkeypatch):
    if connection.vendor == "sqlite":
        pytest.skip("a save that has read cannot wait for its turn on SQLite, whoever saves")
    set_jwt(MFA_MAX_FAILURES=100)
    monkeypatch.setattr(RecoveryCodeHasher, "iterations", 1)
    app, found = give_totp(alice), []
    give_recovery_codes(alice)

    def device():
        one = Device()
        one.access = proven_session(alice)
        return one

    def try_codes():
        EncryptedTOTP.objects.filter(confirmed=True).update(last_step=-1)
        found.append(sign_in_with(app)(alice).status_code)

    def enroll_and_remove():
        one = device()
        begun = one.post("mfa/totp/", {}).json()
        other = Authenticator(begun["otpauth_uri"])
        confirmed = one.post(f"mfa/totp/{begun['id']}/confirm/", {"code": other.code()})
        removed = one.delete(f"mfa/devices/{begun['id']}/")
        found.extend([confirmed.status_code, removed.status_code])

    def save():
        with transaction.atomic():
            get_user_model().objects.get(pk=alice.pk).save()

    acts = (
        try_codes,
        try_codes,
        lambda: found.append(sign_in_with(Wrong)(alice).status_code),
        lambda: found.append(
            device().post("token/step-up/", {"code": app.code(steps=1)}).status_code
        ),
        lambda: found.append(device().post("mfa/recovery-codes/").status_code),
        enroll_and_remove,
        save,
    )

    def again_and_again(act):
        return lambda: [act() for _ in range(15)]

    threads(len(acts)).at_once(*map(again_and_again, acts))
    assert set(found) <= {200, 201, 204, 401, 404}


class Wrong:
    """What shows a code that nobody has."""

    code = staticmethod(lambda **steps: "00000A")


@pytest.fixture
def deleted_meanwhile(alice, threads, monkeypatch):
    """Let alice be deleted just before a function does its work."""

    def arrange(owner, name):
        function = getattr(owner, name)

        def delete_first(*arguments, **keywords):
            monkeypatch.setattr(owner, name, function)
            threads(1).at_once(lambda: delete(alice))
            return function(*arguments, **keywords)

        monkeypatch.setattr(owner, name, delete_first)

    return arrange


@proves("P7")
@pytest.mark.parametrize("code", ["right", "wrong"])
@pytest.mark.parametrize("moment", ["list_devices", "take_turns"])
def test_p7_an_account_deleted_while_its_owner_enters_a_code_is_a_401(
    alice, deleted_meanwhile, code, moment
):
    app = give_totp(alice)
    deleted_meanwhile(proving, moment)
    answer = sign_in_with(app if code == "right" else Wrong)(alice)
    assert answer.status_code == 401
    assert not Session.objects.live().exclude(user=None).exists()


@proves("P7")
def test_p7_an_account_deleted_while_wrong_codes_are_recorded_is_a_401(
    alice, deleted_meanwhile, set_jwt
):
    set_jwt(MFA_MAX_FAILURES=1)
    give_totp(alice)
    deleted_meanwhile(proving.events, "record")
    assert sign_in_with(Wrong)(alice).status_code == 401


@proves("P7")
def test_p7_an_account_deleted_before_its_first_code_is_counted_is_a_401(alice, deleted_meanwhile):
    app = give_totp(alice)
    deleted_meanwhile(FactorAllowanceQuerySet, "take")
    assert sign_in_with(app)(alice).status_code == 401


@proves("P7")
@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("mfa/totp/", {}),
        ("mfa/messages/", {"channel": "email", "address": "alice@example.com"}),
    ],
    ids=["totp", "message"],
)
def test_p7_an_account_deleted_while_it_enrolls_is_a_401(alice, deleted_meanwhile, endpoint, body):
    device = Device()
    device.access = proven_session(alice)
    deleted_meanwhile(turns, "take_turns")
    answer = device.post(endpoint, body)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


@proves("P7")
def test_p7_an_account_can_be_deleted_that_has_just_got_recovery_codes(alice, threads, monkeypatch):
    monkeypatch.setattr(RecoveryCodeHasher, "iterations", 1)
    app, device, forget = give_totp(alice, confirmed=False), Device(), accounts.sessions.forget
    device.access = proven_session(alice)
    confirm = partial(device.post, f"mfa/totp/{app.id}/confirm/", {"code": app.code()})

    def enroll_first(user):
        threads(1).at_once(confirm)
        forget(user)

    monkeypatch.setattr(accounts.sessions, "forget", enroll_first)
    delete(alice)
    assert not RecoveryCodes.objects.exists()


@proves("P7")
def test_p7_an_account_can_be_deleted_while_a_code_is_tried(alice, threads):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets nobody write meanwhile")
    give_totp(alice)
    give_stock_static(alice)  # Django deletes this one late, row by row
    mfa_token, is_under_way = wait_for_code(alice, 1)[0], Event()
    wrong = {"mfa_token": mfa_token, "code": "00000A"}

    def let_it_be_tried(**kwargs):
        is_under_way.set()
        Event().wait(A_MOMENT)

    def sign_in_and_try():
        return [Device().sign_in(alice), Device().post("token/mfa/", wrong)]

    post_delete.connect(let_it_be_tried, sender=StaticDevice, weak=False)
    try:
        _, answers = threads(2).at_once(lambda: delete(alice), after(is_under_way, sign_in_and_try))
    finally:
        post_delete.disconnect(let_it_be_tried, sender=StaticDevice)
    assert [answer.status_code for answer in answers] == [401, 401]
    assert not get_user_model().objects.exists()
