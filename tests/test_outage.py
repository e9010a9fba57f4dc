"""P8: where the database or the keys cannot be read, nobody is let in, and nobody is thrown out."""

from __future__ import annotations

import gc
import logging
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections, connection, connections, transaction

from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, RevokedReason
from tests.people import Device, credentials, make_user
from tests.racing import IMPATIENCE, locked, say

pytestmark = [pytest.mark.proves("P8"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def alice(line):
    return make_user("alice")


@pytest.fixture
def ask(phone, alice):
    """Send one request to each endpoint and return the answers."""

    def ask_all():
        sid, access = phone.sid, phone.access
        requests = [
            phone.call_protected,
            lambda: phone.post("token/", credentials(alice, "alice")),
            lambda: phone.post("token/refresh/", {"refresh": phone.refresh_token}),
            lambda: phone.post("token/verify/", {"token": access}),
            lambda: phone.get("/api/auth/sessions/"),
            lambda: phone.patch(f"sessions/{sid}/", {"device_name": "New name"}),
            lambda: phone.post("sessions/revoke-others/"),
            lambda: phone.delete(f"sessions/{sid}/"),
            lambda: phone.post("token/blacklist/", {"refresh": phone.refresh_token}),
            lambda: phone.post("sessions/revoke-all/"),
            lambda: phone.post("logout/"),
        ]
        return [finish(request()) for request in requests]

    return ask_all


def finish(answer):
    """Do what Django does after each request, and its test client leaves out."""
    close_old_connections()
    return answer


def assert_unavailable(answer):
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0
    assert "WWW-Authenticate" not in answer


def test_p8_while_the_database_is_away_every_endpoint_answers_503_and_then_all_work(
    ask, line, phone, caplog
):
    line.cut()
    for answer in ask():
        assert_unavailable(answer)
    line.mend()
    close_old_connections()
    assert finish(phone.call_protected()).status_code == 200
    assert finish(phone.refresh()).status_code == 200


def test_p8_a_connection_lost_between_two_requests_costs_one_503_at_most(phone, line, caplog):
    assert finish(phone.call_protected()).status_code == 200
    line.cut()
    line.mend()
    found = [finish(phone.call_protected()).status_code for _ in range(3)]
    assert found in ([503, 200, 200], [200, 200, 200])


def test_p8_a_revoked_session_stays_refused_through_an_outage(phone, line, caplog, set_jwt):
    set_jwt(REVOCATION_CHECK="database")  # else it would be known, and 401 throughout
    sessions.revoke(phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    found = [finish(phone.call_protected()).status_code]
    line.cut()
    found.append(finish(phone.call_protected()).status_code)
    line.mend()
    close_old_connections()
    found.append(finish(phone.call_protected()).status_code)
    assert found == [401, 503, 401]


def test_p8_an_outage_in_the_middle_of_a_refresh_costs_nothing(phone, line, monkeypatch, caplog):
    from jwt_sessions.sessions import refreshing

    load = refreshing.load_refresh_token

    def load_and_lose_the_line(sid):
        row = load(sid)
        line.cut()
        return row

    monkeypatch.setattr(refreshing, "load_refresh_token", load_and_lose_the_line)
    token = phone.refresh_token
    assert_unavailable(finish(phone.refresh()))
    monkeypatch.undo()
    line.mend()
    close_old_connections()
    assert finish(phone.refresh(token)).status_code == 200


READ_ONLY = {
    "sqlite": "PRAGMA query_only = 1",
    "postgresql": "SET default_transaction_read_only = on",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
}


def test_p8_a_lock_that_is_not_had_in_time_is_a_503_and_costs_nothing(phone, caplog):
    say(IMPATIENCE)
    with locked(lambda: RefreshToken.objects.update(address="203.0.113.9")):
        assert_unavailable(phone.refresh())
    assert "a request cannot be answered" in caplog.text
    assert phone.refresh().status_code == 200


def test_p8_a_database_that_takes_no_writes_is_a_503_and_lets_reads_pass(phone, caplog):
    say(READ_ONLY)
    try:
        assert_unavailable(phone.refresh())
        assert phone.call_protected().status_code == 200
    finally:
        connection.close()
    assert phone.refresh().status_code == 200


@pytest.mark.parametrize("statement", ["SELECT pg_terminate_backend(%s)", "KILL %s"])
def test_p8_a_connection_that_the_server_ends_is_a_503_once(phone, statement, caplog):
    vendor = "mysql" if statement.startswith("KILL") else "postgresql"
    if connection.vendor != vendor:
        pytest.skip(f"this run is not on {vendor}")
    mine = "SELECT pg_backend_pid()" if vendor == "postgresql" else "SELECT connection_id()"
    with connection.cursor() as cursor:
        cursor.execute(mine)
        (number,) = cursor.fetchone()

    def end_it():
        with connection.cursor() as cursor:
            cursor.execute(statement, [number])
        connections.close_all()

    thread = Thread(target=end_it)
    thread.start()
    thread.join()
    assert_unavailable(finish(phone.call_protected()))
    assert finish(phone.call_protected()).status_code == 200


# Django forgets to close what it could open and not use.
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_p8_a_damaged_database_is_a_503(phone, alice, caplog):
    if connection.vendor != "sqlite":
        pytest.skip("this run is not on sqlite")
    caplog.set_level(logging.CRITICAL)  # so that the log keeps none of it
    whole = Path(connection.settings_dict["NAME"])
    good = whole.read_bytes()
    connection.close()
    whole.write_bytes(b"SQLite format 3\0" + b"damaged" * 1_000)
    try:
        for ask in (phone.call_protected, phone.refresh, lambda: phone.sign_in(alice)):
            assert_unavailable(ask())
    finally:
        connection.close()
        whole.write_bytes(good)
        gc.collect()  # here, where what it finds is expected
    assert phone.call_protected().status_code == 200


def test_p8_a_role_without_rights_is_a_503(phone, caplog):
    if connection.vendor != "postgresql":
        pytest.skip("this run is not on postgresql")
    say({"postgresql": "SET ROLE pg_read_all_settings"})
    try:
        assert_unavailable(phone.call_protected())
        assert_unavailable(phone.refresh())
    finally:
        connection.close()
    assert phone.call_protected().status_code == 200


def test_p8_keys_that_cannot_be_read_are_a_503(phone, set_jwt, caplog):
    token = phone.refresh_token
    set_jwt(SIGNING_KEY="too short")
    assert_unavailable(phone.call_protected())
    assert_unavailable(phone.refresh())
    set_jwt(SIGNING_KEY=None)
    assert phone.refresh(token).status_code == 200


def test_a_mistake_in_the_settings_is_no_outage(alice, set_jwt):
    set_jwt(ISSUER=None)
    with pytest.raises(ImproperlyConfigured):
        Device().sign_in(alice)


def test_p8_nothing_of_an_outage_is_told_to_the_caller(phone, line, caplog):
    line.cut()
    answer = finish(phone.call_protected())
    assert set(answer.json()) == {"detail", "code"}
    assert "127.0.0.1" not in answer.content.decode()
    assert "an access token cannot be judged" in caplog.text
    assert phone.access not in caplog.text


def test_p8_another_exception_handler_says_503_too(phone, line, settings, caplog):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "EXCEPTION_HANDLER": "rest_framework.views.exception_handler",
    }
    line.cut()
    assert_unavailable(finish(phone.call_protected()))


def test_in_a_callers_transaction_sqlite_says_at_once_that_it_is_locked(phone):
    """What has read must not wait to write there: it would write by what it read before."""
    if connection.vendor != "sqlite":
        pytest.skip("this run is not on sqlite")
    from django.db import OperationalError

    token = phone.refresh_token
    with (
        locked(lambda: RefreshToken.objects.update(address="203.0.113.9")),
        pytest.raises(OperationalError, match="locked"),
        transaction.atomic(),
    ):
        sessions.refresh(token)
    assert phone.refresh(token).status_code == 200


def test_an_outage_ends_no_session_by_lying_unused(phone, line, clock, caplog):
    line.cut()
    clock.shift(timedelta(hours=1))
    assert_unavailable(finish(phone.refresh()))
    line.mend()
    close_old_connections()
    assert finish(phone.refresh()).status_code == 200


def test_a_sign_in_during_an_outage_leaves_nothing_half_done(line, alice, caplog):
    device = Device()
    line.cut()
    assert_unavailable(finish(device.sign_in(alice)))
    line.mend()
    close_old_connections()
    assert alice.jwt_sessions.count() == 0
    assert finish(device.sign_in(alice)).status_code == 200
