"""V9: a replica that lags behind is never asked whether a session lives."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.db import connections

from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, RevokedReason, Session
from tests.people import Device

pytestmark = [
    pytest.mark.proves("V9"),
    pytest.mark.django_db(databases=["default", "accounts"]),
]


class Replica:
    """Reads go to the replica, unless somebody asks for the primary; writes go to the primary."""

    def db_for_read(self, model, **hints):
        return "accounts"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, first, second, **hints):
        return True


@pytest.fixture
def replicate(alice, settings):
    """Copy what there is to the replica, which hears of nothing from then on."""

    def copy():
        for model in (get_user_model(), Session, RefreshToken):
            for row in model._base_manager.using("default").order_by("pk"):
                row._state.adding = True
                row.save_base(raw=True, force_insert=True, using="accounts")
        settings.DATABASE_ROUTERS = ["tests.test_replica.Replica"]

    return copy


@contextmanager
def unasked():
    """Nothing at all is asked of the replica."""
    asked = []

    def note(execute, sql, *arguments):
        asked.append(sql)
        return execute(sql, *arguments)

    with connections["accounts"].execute_wrapper(note):
        yield
    assert asked == []


@pytest.fixture
def stale(phone, replicate):
    """Alice's phone, which the replica knows as it is signed in."""
    replicate()
    assert Session.objects.using("accounts").get().pk == phone.session.pk
    return phone


def verify(device, token):
    return device.post("token/verify/", {"token": token}, signed_in=False).status_code


@pytest.mark.proves("P1", "V1")
def test_p1_what_the_replica_knows_as_live_is_refused(stale):
    with unasked():
        sessions.revoke(stale.session.pk, reason=RevokedReason.SIGNED_OUT)
        assert stale.call_protected().status_code == 401
        assert stale.refresh().status_code == 401
        assert verify(stale, stale.access) == verify(stale, stale.refresh_token) == 401
        assert stale.get("/api/auth/sessions/").status_code == 401
    assert not Session.objects.using("accounts").get().is_revoked


@pytest.mark.proves("P4", "R2")
def test_p4_what_the_replica_takes_for_the_newest_generation_is_reuse(stale):
    newest_there = stale.refresh_token
    with unasked():
        assert stale.refresh().status_code == stale.refresh().status_code == 200
        assert RefreshToken.objects.using("default").get().generation == 2
        assert stale.refresh(newest_there).status_code == 401
        assert stale.call_protected().status_code == 401
    assert Session.objects.get().revoked_reason == RevokedReason.TOKEN_REUSED


@pytest.mark.proves("P3", "R4")
def test_p3_a_repeat_is_judged_by_the_primary(stale):
    first = stale.refresh_token
    with unasked():
        assert stale.refresh().status_code == 200
        successor = stale.refresh_token
        assert stale.refresh(first).status_code == 200
    assert stale.refresh_token == successor


# Neither signal nor mark: the rows alone tell.
CHANGES = {
    "a changed password": lambda: {"password": "!"},
    "a deactivated account": lambda: {"is_active": False},
}


@pytest.mark.proves("P1", "V2")
@pytest.mark.parametrize("change", CHANGES)
def test_p1_it_counts_at_once_though_the_replica_knows_nothing_of(stale, alice, change):
    get_user_model().objects.using("default").filter(pk=alice.pk).update(**CHANGES[change]())
    with unasked():
        assert verify(stale, stale.access) == 401
        assert stale.call_protected().status_code == 401
        assert stale.refresh().status_code == 401


@pytest.mark.parametrize("how", ["password", "account"])
def test_saved_changes_of_a_user_end_the_sessions_of_the_primary(stale, alice, how):
    with unasked():
        if how == "password":
            alice.set_password("another")
        else:
            alice.is_active = False
        alice.save()
        assert stale.call_protected().status_code == 401
    assert Session.objects.get().is_revoked


@pytest.mark.proves("P12")
def test_every_endpoint_of_ours_works_without_the_replica(alice, stale):
    sid, laptop = stale.sid, Device()
    assert laptop.sign_in(alice).status_code == 200  # Django's backend reads where it is told to
    with unasked():
        assert stale.call_protected().status_code == 200
        assert verify(stale, stale.access) == verify(stale, stale.refresh_token) == 200
        assert {one["id"] for one in stale.list_sessions()} == {laptop.sid, sid}
        assert stale.patch(f"sessions/{sid}/", {"device_name": "New"}).status_code == 200
        assert "New" in {one["device_name"] for one in stale.list_sessions()}
        assert stale.delete(f"sessions/{laptop.sid}/").status_code == 204
        assert laptop.call_protected().status_code == 401
        assert stale.post("sessions/revoke-others/").json() == {"revoked": 0}
        assert stale.get("/api/auth/mfa/").status_code == 200
        assert stale.refresh().status_code == 200
        assert stale.post("logout/").status_code == 204
        assert stale.call_protected().status_code == 401


def test_a_session_that_the_replica_has_not_heard_of_is_good(alice, replicate):
    replicate()
    device = Device()
    assert device.sign_in(alice).status_code == 200
    with unasked():
        assert device.call_protected().status_code == device.refresh().status_code == 200
        assert device.post("token/blacklist/", {"refresh": device.refresh_token}).status_code == 200
        assert device.call_protected().status_code == 401


@pytest.mark.proves("V1")
def test_the_password_of_before_no_longer_signs_in(alice, stale):
    alice.set_password("another")
    alice.save()
    assert Device().sign_in(alice).status_code == 401
    assert Session.objects.count() == 1


@pytest.mark.proves("V2")
@pytest.mark.parametrize("gone", ["deactivated", "deleted"])
def test_who_is_no_more_no_longer_signs_in(alice, stale, gone):
    rows = get_user_model().objects.using("default").filter(pk=alice.pk)
    if gone == "deleted":
        rows.get().delete()
    else:
        rows.update(is_active=False)
    assert Device().sign_in(alice).status_code == 401


def test_clearing_reads_the_primary(stale, clock):
    clock.shift(30 * 24 * 3600)
    with unasked():
        assert sessions.clear_expired() == 1
    assert Session.objects.using("accounts").count() == 1
