"""Who waits for whom: a busy account meets no deadlock, and a deleted one no 500."""

from __future__ import annotations

import random
from threading import Event

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from jwt_sessions import accounts, sessions
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.sessions import refreshing, starting
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
