"""What a refusal decided survives the refusal, also where each request is a transaction."""

from __future__ import annotations

import pytest
from django.db import connections, transaction

from jwt_sessions import authentication, sessions
from jwt_sessions.exceptions import SessionLimitReached
from jwt_sessions.models import RevokedReason, SecurityEvent, Session
from jwt_sessions.sessions import refreshing
from jwt_sessions.signals import session_started
from tests.people import Device, make_user

pytestmark = [
    pytest.mark.proves("P4", "R2"),
    pytest.mark.django_db(transaction=True, databases=["default", "accounts"]),
]


class AccountsApart:
    """Users and their sessions live in a database of their own."""

    def db_for_read(self, model, **hints):
        return "accounts" if model._meta.app_label not in {"admin", "sessions"} else None

    db_for_write = db_for_read

    def allow_relation(self, first, second, **hints):
        return True


@pytest.fixture(params=["default", "accounts"])
def alias(request, settings, monkeypatch):
    """The alias that sessions live on; every request is a transaction on both."""
    if request.param == "accounts":
        settings.DATABASE_ROUTERS = ["tests.test_atomic_requests.AccountsApart"]
    for name in ("default", "accounts"):
        monkeypatch.setitem(connections.settings[name], "ATOMIC_REQUESTS", True)
    return request.param


@pytest.fixture
def reused(alias):
    """A device of Alice's whose first refresh token is two generations old."""
    device = Device()
    device.sign_in(make_user("alice"))
    device.first = device.refresh_token
    device.refresh()
    device.refresh()
    return device


def test_p4_reuse_stays_revoked_although_the_request_fails(reused, alias):
    assert reused.refresh(reused.first).status_code == 401
    assert Session.objects.using(alias).get().revoked_reason == RevokedReason.TOKEN_REUSED
    assert SecurityEvent.objects.using(alias).count() == 1
    assert reused.call_protected().status_code == 401


def test_p4_our_views_run_outside_of_the_requests_transaction_and_others_within(
    reused, monkeypatch
):
    seen = []

    def look(function):
        def looking(*arguments, **keywords):
            names = ("default", "accounts")
            seen.append([connections[name].in_atomic_block for name in names])
            return function(*arguments, **keywords)

        return looking

    load, attach = refreshing.load_refresh_token, authentication.attach_live_session
    monkeypatch.setattr(refreshing, "load_refresh_token", look(load))
    monkeypatch.setattr(authentication, "attach_live_session", look(attach))
    reused.refresh()
    reused.call_protected()
    assert seen == [[False, False], [True, True]]


def test_p4_within_a_callers_transaction_it_commits_with_the_caller(reused, alias):
    with transaction.atomic(using=alias):
        assert sessions.refresh(reused.first) == sessions.Refusal("reused")
    assert reused.call_protected().status_code == 401


def test_p4_within_a_callers_transaction_it_rolls_back_with_the_caller(reused, alias):
    with transaction.atomic(using=alias):
        assert sessions.refresh(reused.first) == sessions.Refusal("reused")
        transaction.set_rollback(True, using=alias)
    assert reused.call_protected().status_code == 200


@pytest.mark.proves("P2")
def test_p2_an_overtaken_refresh_looks_again_where_the_sessions_live(reused, after_load):
    token = reused.refresh_token
    after_load(lambda: sessions.refresh(token))
    assert reused.refresh(token).status_code == 200


def test_a_sign_in_over_the_limit_is_undone_where_the_sessions_live(alias, set_jwt):
    set_jwt(MAX_SESSIONS_PER_USER=1, SESSION_LIMIT_POLICY="refuse")
    alice = make_user("alice")
    sessions.start(alice)
    with pytest.raises(SessionLimitReached):
        sessions.start(alice)
    assert Session.objects.using(alias).count() == 1


def test_signals_wait_for_the_commit_of_the_database_that_sessions_live_on(alias, heard):
    alice, started = make_user("alice"), heard(session_started)
    with transaction.atomic(using=alias):
        sessions.start(alice)
        assert started == []
    assert len(started) == 1


def test_a_refused_deactivated_user_stays_on_record(reused, alias):
    from django.contrib.auth import get_user_model

    get_user_model().objects.using(alias).update(is_active=False)
    assert reused.refresh().status_code == 401
    assert Session.objects.using(alias).get().revoked_reason == RevokedReason.USER_DEACTIVATED
