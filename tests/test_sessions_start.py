"""Sign-in: what a new session knows, and who is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from jwt_sessions import sessions
from jwt_sessions.models import Session, SessionKind
from jwt_sessions.signals import session_refreshed, session_started
from tests.people import Device, claims_of, credentials

proves = pytest.mark.proves


def test_a_session_knows_the_device_it_began_on(alice):
    device = Device()
    device.sign_in(alice, device_name="  Alice's\tlaptop ")
    session = device.session
    assert session.kind == SessionKind.API
    assert session.device_name == "Alice's laptop"
    assert (session.browser, session.platform) == ("Firefox", "Windows")
    assert session.device == "Firefox on Windows"
    assert session.address == "127.0.0.1"
    assert session.address_key == "00000000000000000000ffff7f000001"
    assert (session.amr, session.auth_time) == (["pwd"], timezone.now())


def test_a_session_started_without_a_request_knows_no_device(alice):
    session = sessions.start(alice).session
    assert (session.device_name, session.device, session.address) == ("", "", None)


def test_a_project_finds_its_own_data_on_the_session(alice):
    device = Device()
    device.access = sessions.start(alice, data={"tenant": 7}).access
    assert device.session.data == {"tenant": 7}


@proves("R7", "V4")
def test_a_session_has_an_idle_end_and_an_absolute_end(alice):
    session = sessions.start(alice).session
    assert session.expires_at == timezone.now() + timedelta(days=30)
    assert session.refresh_token.idle_expires_at == timezone.now() + timedelta(days=1)


@proves("R7")
def test_the_idle_end_never_lies_behind_the_absolute_one(alice, set_jwt):
    set_jwt(SESSION_LIFETIME=timedelta(hours=1))
    session = sessions.start(alice).session
    assert session.refresh_token.idle_expires_at == session.expires_at


def test_an_access_token_ends_no_later_than_its_session(alice, set_jwt):
    set_jwt(SESSION_LIFETIME=timedelta(minutes=2))
    pair = sessions.start(alice)
    assert claims_of(pair.access)["exp"] == int(pair.session.expires_at.timestamp())


@pytest.mark.django_db(transaction=True, databases=["default", "accounts"])
def test_a_user_read_from_a_replica_signs_in_where_sessions_are_written(alice):
    alice.save(using="accounts")
    pair = sessions.start(alice)
    assert Session.objects.using("default").get() == pair.session


@proves("V5")
def test_each_sign_in_starts_a_session_of_its_own(phone, laptop):
    assert phone.sid != laptop.sid
    assert claims_of(phone.access)["jti"] != claims_of(laptop.access)["jti"]


def test_a_pair_never_shows_its_tokens_when_printed(alice):
    pair = sessions.start(alice)
    assert pair.access not in repr(pair)
    assert pair.refresh not in repr(pair)


def test_sign_in_sends_djangos_signal_and_ours_with_the_request(alice, heard, committed):
    logged_in, started = heard(user_logged_in), heard(session_started)
    device = Device()
    with committed():
        device.sign_in(alice)
    assert logged_in[0]["user"] == started[0]["session"].user == alice
    assert logged_in[0]["request"].path == started[0]["request"].path == "/api/auth/token/"
    alice.refresh_from_db()
    assert alice.last_login == timezone.now()


def test_a_sign_in_that_cannot_be_answered_leaves_nothing_behind(alice, set_jwt):
    set_jwt(ISSUER=None)
    with pytest.raises(ImproperlyConfigured):
        sessions.start(alice)
    assert not Session.objects.exists()


def test_receivers_of_one_user_model_hear_of_lazy_users_too(alice, committed):
    senders = []

    def hear(sender, **facts):
        senders.append(sender)

    user_logged_in.connect(hear, sender=type(alice))
    try:
        with committed():
            sessions.start(SimpleLazyObject(lambda: alice))
    finally:
        user_logged_in.disconnect(hear, sender=type(alice))
    assert senders == [type(alice)]


def test_nothing_is_announced_before_the_commit(alice, heard):
    started = heard(session_started)
    sessions.start(alice)
    assert started == []


def test_a_refresh_is_announced(phone, heard, committed):
    refreshed = heard(session_refreshed)
    with committed():
        phone.refresh()
    assert refreshed[0]["session"].refresh_token.generation == 1
    assert refreshed[0]["request"].path == "/api/auth/token/refresh/"


def test_a_receiver_that_fails_stops_nobody(alice, committed, caplog):
    def broken(**facts):
        raise RuntimeError("broken receiver")

    session_started.connect(broken)
    try:
        with committed():
            assert Device().sign_in(alice).status_code == 200
    finally:
        session_started.disconnect(broken)
    assert "broken" in caplog.text


def test_a_failed_sign_in_sends_djangos_signal_without_the_password(alice, heard):
    failed = heard(user_login_failed)
    Device().sign_in(alice, "a wrong one")
    assert failed[0]["request"].path == "/api/auth/token/"
    assert "a wrong one" not in str(failed[0]["credentials"])


@proves("P12")
def test_p12_a_sign_in_costs_six_queries(alice, committed, django_assert_num_queries):
    device = Device()
    body = credentials(alice, "alice")
    # The user, their second factors, two inserts, Django's last_login, whether the device is new,
    # and two statements around the inserts.
    with django_assert_num_queries(8), committed():
        assert device.post("token/", body).status_code == 200
