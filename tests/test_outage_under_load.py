"""P8: PostgreSQL goes and comes back while people are at work; nobody gets in who should not."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.core.management import call_command
from django.db import close_old_connections, connection, connections

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from tests.people import Device, make_user
from tests.servers import PostgreSQLServer

pytestmark = [
    pytest.mark.proves("P8"),
    pytest.mark.races,
    pytest.mark.usefixtures("throttles_off"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("races"),
]

WORKERS = 4
PATIENCE = 60


@pytest.fixture(autouse=True)
def clock():
    """The real one: this is about time that passes."""


@pytest.fixture
def server(transactional_db, monkeypatch):
    """A server of the test's own, which the app is served over."""
    if connection.vendor != "postgresql":
        pytest.skip("this run is not on postgresql")
    with tempfile.TemporaryDirectory(prefix="jwt_sessions_postgresql_") as folder:
        server = PostgreSQLServer(folder)
        connections.close_all()
        there = {"HOST": "127.0.0.1", "PORT": str(server.port), "NAME": "postgres"}
        there |= {"USER": "postgres", "PASSWORD": "", "CONN_MAX_AGE": None}
        try:
            with monkeypatch.context() as patched:
                for name, value in there.items():
                    patched.setitem(connection.settings_dict, name, value)
                call_command("migrate", run_syncdb=True, verbosity=0)
                yield server
                connections.close_all()
        finally:
            server.stop()


class Worker(Thread):
    """Somebody who does one thing over and over, and keeps the answers."""

    def __init__(self, act):
        super().__init__()
        self.act, self.answers, self.is_over = act, [], Event()

    def run(self):
        while not self.is_over.is_set():
            self.answers.append(self.act().status_code)
            close_old_connections()  # as Django does after each request
            time.sleep(0.005)
        connections.close_all()

    def new_answers(self, wanted):
        """Wait for `wanted` answers that begin from now on; return them."""
        start = len(self.answers) + 1  # one may be under way
        until = time.monotonic() + PATIENCE
        while len(self.answers) < start + wanted:
            assert self.is_alive(), "an exception has ended it"
            assert time.monotonic() < until, "no answers come"
            time.sleep(0.01)
        return self.answers[start : start + wanted]


@contextmanager
def at_work(*acts):
    workers = [Worker(act) for act in acts]
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.is_over.set()
        for worker in workers:
            worker.join(PATIENCE)


def signed_in(user):
    device = Device()
    assert device.sign_in(user).status_code == 200
    return device


def found_by(workers, wanted=10):
    return [set(worker.new_answers(wanted)) for worker in workers]


@pytest.mark.proves("P1", "P3", "R4", "V1")
def test_p8_a_server_that_goes_and_comes_back_under_load(server, set_jwt, caplog):
    # However long a busy machine takes to start a server.
    set_jwt(REFRESH_GRACE_PERIOD=timedelta(minutes=5))
    alice = make_user("alice")
    revoked, lost = signed_in(alice), signed_in(alice)
    sessions.revoke(revoked.session.pk, reason=RevokedReason.SIGNED_OUT)
    callers = [signed_in(alice) for _ in range(WORKERS)]
    refreshers = [signed_in(alice) for _ in range(WORKERS)]
    acts = [revoked.call_protected, revoked.refresh]
    acts += [caller.call_protected for caller in callers]
    acts += [refresher.refresh for refresher in refreshers]
    up = [{401}] * 2 + [{200}] * 2 * WORKERS
    answered_to_nobody = lost.refresh_token
    with at_work(*acts) as workers:
        assert found_by(workers) == up
        # It is written, and then the answer is lost together with the server.
        successor = lost.refresh().json()
        server.stop()
        assert found_by(workers) == [{503}] * len(workers)
        assert lost.refresh(answered_to_nobody).status_code == 503
        server.start()
        # Each connection that broke costs one 503 at most, then all is as before.
        found_by(workers, 3)
        assert found_by(workers) == up
        close_old_connections()
        assert lost.refresh(answered_to_nobody).json()["refresh"] == successor["refresh"]
    assert {answer for worker in workers[:2] for answer in worker.answers} == {401, 503}
    assert {answer for worker in workers[2:] for answer in worker.answers} == {200, 503}
    assert lost.call_protected().status_code == 200
    assert "an access token cannot be judged" in caplog.text
