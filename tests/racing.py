"""Many at once: threads that start together, and the same in processes of their own.

Run as a program it is the processes: ``python -m tests.racing`` reads a job and writes what came of
it, both as JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier, Event, Thread
from typing import NamedTuple

PATIENCE = 60  # seconds, for a barrier that nobody comes to any more
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


def connect():
    """Connect before anything is counted, for that takes statements of its own."""
    from django.db import OperationalError, connection

    for _ in range(100):
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

    def close(self):
        from django.db import connections

        self.at_once(*[connections.close_all] * self.number)
        self.pool.shutdown()


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
    from django.db import connection

    environment = {**os.environ, "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"])}
    environment["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    return subprocess.run(
        command, env=environment, stdout=pipe, text=True, check=False, timeout=300, **options
    )


def race_in_processes(job):
    """Run ``rounds`` of ``callers`` processes; return the rounds."""
    done = run_apart("-m", "tests.racing", input=json.dumps(job))
    assert done.returncode == 0
    return [[Answer(*answer) for answer in round_] for round_ in json.loads(done.stdout)]


def call(barrier, tokens, answers):
    """Be one caller: refresh each token that comes, together with the others."""
    for token in iter(tokens.get, None):
        barrier.wait(PATIENCE)
        answers.put(refresh(token))


def main():
    import django

    django.setup()
    from datetime import timedelta

    from django.conf import settings
    from django.db import connections

    job = json.load(sys.stdin)
    grace_period = timedelta(seconds=job["grace_period"])
    settings.JWT_SESSIONS |= {"THROTTLE_RATES": None, "REFRESH_GRACE_PERIOD": grace_period}
    refresh("imports everything once, before there are many of us")
    connections.close_all()

    fork = multiprocessing.get_context("fork")
    barrier, answers = fork.Barrier(job["callers"]), fork.Queue()
    tokens = [fork.Queue() for _ in range(job["callers"])]
    callers = [
        fork.Process(target=call, args=(barrier, queue, answers), daemon=True) for queue in tokens
    ]
    for caller in callers:
        caller.start()
    rounds = []
    for first in job["tokens"]:
        token = first
        for _ in range(job["rounds"]):
            for queue in tokens:
                queue.put(token)
            rounds.append([answers.get(timeout=PATIENCE) for _ in callers])
            token = next((answer.refresh for answer in rounds[-1] if answer.refresh), token)
    for queue in tokens:
        queue.put(None)
    for caller in callers:
        caller.join()
    json.dump(rounds, sys.stdout)


if __name__ == "__main__":
    main()
