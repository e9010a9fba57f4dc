"""The site of `cached_site/`, served by gunicorn, and callers that stay with one of its workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple

import pytest
from django.contrib.auth import get_user_model

from tests.serving import ROOT

PATIENCE = 60  # seconds
OPTIONS = ["--worker-class", "gthread", "--threads", "2", "--keep-alive", "60"]
OPTIONS += ["--no-control-socket", "--log-level", "error", "--graceful-timeout", "3"]


def site(database, redis, **variables):
    """The environment of a process of the site; `database` says where that is, as tests do."""
    ours = {"DJANGO_SETTINGS_MODULE": "tests.cached_site.settings", "SITE_REDIS": redis}
    return {**os.environ, **ours, **database, **variables}


def on_postgresql(host, port):
    """A server of the tests' own."""
    database = {"TEST_DATABASE": "postgresql", "TEST_DATABASE_NAME": "postgres"}
    there = {"POSTGRES_HOST": host, "POSTGRES_PORT": str(port)}
    return {**database, **there, "POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": ""}


def prepare(environment, *names):
    """Make the tables, and people."""
    lines = [
        "from django.core.management import call_command as call",
        "call('migrate', run_syncdb=True, verbosity=0)",
        "from tests.people import make_user",
        f"for name in {names!r}: make_user(name)",
    ]
    run(environment, "-c", "\n".join(["import django", "django.setup()", *lines]))


def run(environment, *arguments):
    """Run Python in a process of the site's own; return what it printed."""
    command, pipe = [sys.executable, *arguments], subprocess.PIPE
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=pipe, text=True, check=True, timeout=PATIENCE * 2
    )
    return done.stdout


@contextmanager
def gunicorn(environment, address, *options, application="application", apart=()):
    """Serve the site at `address`, host and port, for as long as is asked; `apart` says where."""
    bind = ":".join(map(str, address))
    command = [*apart, sys.executable, "-m", "gunicorn", *OPTIONS, "--bind", bind, *options]
    process = subprocess.Popen(
        [*command, f"tests.cached_site.wsgi:{application}()"], cwd=ROOT, env=environment
    )
    try:
        wait_until(lambda: answers(address, process), "the site does not answer")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(address, process):
    assert process.poll() is None, "the site has ended"
    with suppress(OSError, HTTPException), Caller(address) as caller:
        return caller.who(None).status == 401
    return False


def wait_until(is_so, failure, *, patience=PATIENCE):
    """Ask again until it is so; return what was answered."""
    until = time.monotonic() + patience
    while not (answer := is_so()):
        if time.monotonic() > until:
            pytest.fail(failure)
        time.sleep(0.02)
    return answer


def username(name):
    """What somebody is called there, by the user model of this run."""
    return name if get_user_model().USERNAME_FIELD == "username" else f"{name}@example.com"


class Answer(NamedTuple):
    """What came back, from which process, when, after how many statements."""

    status: int
    body: dict
    worker: int
    answered_at: float
    statements: int


class Caller:
    """Somebody on one connection, which stays with the worker that has accepted it."""

    def __init__(self, address, *, timeout=30):
        self.http = HTTPConnection(*address, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.http.close()

    def who(self, access):
        return self.send("GET", "/who/", access=access)

    def sign_in(self, name):
        body = {get_user_model().USERNAME_FIELD: username(name), "password": name}
        pair = self.send("POST", "/api/auth/token/", body)
        assert pair.status == 200
        return pair.body["access"]

    def sign_out(self, access):
        assert self.send("POST", "/api/auth/logout/", access=access).status == 204

    def send(self, method, path, body=None, *, access=None):
        self.ask(method, path, body, access=access)
        return self.answer()

    def ask(self, method, path, body=None, *, access=None):
        headers = {"Authorization": f"Bearer {access}"} if access else {}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        self.http.request(method, path, data, headers)

    def answer(self):
        response = self.http.getresponse()
        body = json.loads(response.read() or "null")
        header = response.headers
        worker, statements = int(header["X-Worker"]), int(header["X-Statements"])
        return Answer(response.status, body, worker, float(header["X-Answered-At"]), statements)


def found(callers, tokens):
    """What each caller gets for each token."""
    return [caller.who(token).status for caller in callers for token in tokens]


def meet_workers(address, number, *, known=()):
    """Call until so many workers have answered that are not known; return a caller for each."""
    met = {}

    def meet():
        # All at once, so that not the quickest one takes them all.
        callers = [Caller(address) for _ in range(2 * number)]
        for caller in callers:
            caller.ask("GET", "/who/")
        for caller in callers:
            worker = caller.answer().worker
            if worker in met or worker in known:
                caller.http.close()
            else:
                met[worker] = caller
        return len(met) >= number

    wait_until(meet, f"only {len(met)} workers answer")
    return met
