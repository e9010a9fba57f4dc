"""Many at once: threads that start together, and the same in processes of their own.

Run as a program it is the processes: ``python -m tests.racing`` reads a job and writes what came of
it, both as JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from threading import Barrier, Event, Thread
from typing import NamedTuple

PATIENCE = 120  # seconds, for a barrier that nobody comes to any more
# For a connection that shall not wait for a lock.
IMPATIENCE = {
    "sqlite": "PRAGMA busy_timeout = 100",
    "postgresql": "SET lock_timeout = 100",
    "mysql": "SET innodb_lock_wait_timeout = 1",
}


class Answer(NamedTuple):
    """What one caller got, and how many statements that took."""

    status: int
    access: str | None
    refresh: str | None
    statements: int


class Call(NamedTuple):
    """What one caller is to send."""

    endpoint: str
    body: dict | None = None
    access: str | None = None
    headers: dict = {}
    method: str = "post"


class Reply(NamedTuple):
    """What one caller got, whatever it asked for."""

    status: int
    body: dict

    @property
    def code(self):
        return self.body.get("code")


def connect():
    """Connect before anything is counted, for that takes statements of its own."""
    from django.db import OperationalError, connection

    for _ in range(300):
        with suppress(OperationalError):  # the connections of the race before are still closing
            return connection.ensure_connection()
        time.sleep(0.1)
    return connection.ensure_connection()


def refresh(token):
    """Refresh by whole HTTP, and count the statements."""
    from django.db import connection

    from tests.people import Device

    device, statements = Device(), []

    def count(execute, sql, *arguments):
        statements.append(sql)
        return execute(sql, *arguments)

    connect()
    with connection.execute_wrapper(count):
        status = device.refresh(token).status_code
    return Answer(status, device.access, device.refresh_token, len(statements))


def send(*call):
    """Make a call by whole HTTP."""
    from tests.people import Device

    call = Call(*call)
    device = Device(**call.headers)
    device.access, device.http.raise_request_exception = call.access, False
    connect()
    answer = device._send(call.method, call.endpoint, call.body)
    is_json = answer.headers.get("content-type") == "application/json"
    return Reply(answer.status_code, answer.json() if is_json else {})


class Threads:
    """Callers that keep their connections from one round to the next, as a busy server does."""

    def __init__(self, number):
        self.number = number
        self.pool = ThreadPoolExecutor(number)

    def at_once(self, *acts):
        """Run the acts, one for each thread, all from the same moment on; return the results."""
        barrier = Barrier(len(acts))

        def run(act):
            barrier.wait(PATIENCE)
            return act()

        return list(self.pool.map(run, acts))

    def refresh_at_once(self, token):
        return self.at_once(*[lambda: refresh(token)] * self.number)

    def send_at_once(self, calls):
        return self.at_once(*[partial(send, *call) for call in calls])

    def close(self):
        from django.db import connections

        self.at_once(*[connections.close_all] * self.number)
        self.pool.shutdown()


OTHERS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mysql": "SELECT count(*) FROM information_schema.processlist"
    " WHERE db = database() AND id <> connection_id()",
}


def wait_until_alone():
    """Wait until the server is rid of closed connections, for it takes only so many."""
    from django.db import connection

    if connection.vendor not in OTHERS:
        return
    for _ in range(PATIENCE * 10):
        with connection.cursor() as cursor:
            cursor.execute(OTHERS[connection.vendor])
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.1)
    raise TimeoutError("connections were left open")


@contextmanager
def locked(act):
    """Hold a transaction open on another connection that has done `act`."""
    from django.db import connections, transaction

    is_held, is_done = Event(), Event()

    def hold():
        with transaction.atomic():
            act()
            is_held.set()
            is_done.wait(PATIENCE)
        connections.close_all()

    holder = Thread(target=hold)
    holder.start()
    is_held.wait(PATIENCE)
    try:
        yield
    finally:
        is_done.set()
        holder.join()


def say(statement):
    """Run the statement of this database: ``say(IMPATIENCE)``."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement[connection.vendor])


def run_apart(*arguments, **options):
    """Run Python in a process of its own, on the database of this test."""
    command, environment = _apart(*arguments)
    pipe = subprocess.PIPE
    return subprocess.run(
        command, env=environment, stdout=pipe, text=True, check=False, timeout=300, **options
    )


def die_apart(*arguments):
    """Run Python in a process that kills itself; return what it wrote.

    A server keeps the locks of the dead until it has noticed, which is waited for.
    """
    done = run_apart(*arguments)
    assert done.returncode == -signal.SIGKILL
    wait_until_alone()
    return done.stdout


def _apart(*arguments):
    from django.db import connection

    environment = {**os.environ, "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"])}
    environment["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    return [sys.executable, *arguments], environment


def race_in_processes(job):
    """Run ``rounds`` of ``callers`` processes, who refresh; return the rounds."""
    done = run_apart("-m", "tests.racing", input=json.dumps({"act": "refresh", **job}))
    wait_until_alone()
    assert done.returncode == 0
    return [[Answer(*answer) for answer in round_] for round_ in json.loads(done.stdout)]


@contextmanager
def processes(callers, *, urlconf, **settings):
    """Start processes; what is returned lets them make calls at once, and returns the replies."""
    command, environment = _apart("-m", "tests.racing")
    job = {"act": "send", "callers": callers, "urlconf": urlconf, "settings": settings}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as program:

        def ask(value):
            print(json.dumps(value), file=program.stdin, flush=True)

        def send_at_once(calls):
            ask(calls)
            return [Reply(*reply) for reply in json.loads(program.stdout.readline())]

        ask(job)
        yield send_at_once
        program.stdin.close()
    wait_until_alone()


class Processes:
    """Callers in processes of their own, made once this one has imported everything."""

    def __init__(self, number):
        fork = multiprocessing.get_context("fork")
        self.barrier, self.answers = fork.Barrier(number), fork.Queue()
        self.tasks = [fork.Queue() for _ in range(number)]
        self.callers = [
            fork.Process(target=self.call, args=(one,), daemon=True) for one in range(number)
        ]
        for caller in self.callers:
            caller.start()

    def call(self, number):
        """Be one caller: do each task that comes, together with the others."""
        for act, *arguments in iter(self.tasks[number].get, None):
            self.barrier.wait(PATIENCE)
            self.answers.put((number, ACTS[act](*arguments)))

    def at_once(self, act, arguments):
        """Let each do the act with its arguments; return the answers in that order."""
        for task, given in zip(self.tasks, arguments, strict=True):
            task.put((act, *given))
        answers = dict(self.answers.get(timeout=PATIENCE) for _ in self.callers)
        return [answers[number] for number in range(len(self.callers))]

    def close(self):
        for task in self.tasks:
            task.put(None)
        for caller in self.callers:
            caller.join()


ACTS = {"refresh": refresh, "send": send}


def refresh_in_rounds(job, processes):
    """Let all present one token, and what it becomes in the next round."""
    for first in job["tokens"]:
        token = first
        for _ in range(job["rounds"]):
            yield (answers := processes.at_once("refresh", [(token,)] * job["callers"]))
            token = next((answer.refresh for answer in answers if answer.refresh), token)


def main():
    import django

    django.setup()
    from datetime import timedelta

    from django.conf import settings
    from django.db import connections

    job = json.loads(sys.stdin.readline())
    settings.JWT_SESSIONS |= {"THROTTLE_RATES": None, **job.get("settings", {})}
    if "grace_period" in job:
        settings.JWT_SESSIONS["REFRESH_GRACE_PERIOD"] = timedelta(seconds=job["grace_period"])
    settings.ROOT_URLCONF = job.get("urlconf", settings.ROOT_URLCONF)
    refresh("imports everything once, before there are many of us")
    connections.close_all()

    callers = Processes(job["callers"])
    if job["act"] == "refresh":
        json.dump(list(refresh_in_rounds(job, callers)), sys.stdout)
    for calls in sys.stdin:
        sys.stdout.write(json.dumps(callers.at_once("send", json.loads(calls))) + "\n")
        sys.stdout.flush()
    callers.close()


if __name__ == "__main__":
    main()
