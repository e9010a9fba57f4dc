"""A process of a site that asks a troubled Redis: threads that send requests, and note the answers.

``python -m tests.troubled_callers`` reads a job, a line of JSON, and says when all are at work. At
the next line it stops, and writes what they noted.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from contextlib import contextmanager
from random import Random
from threading import Event, Thread
from typing import NamedTuple

from tests.racing import _apart, connect

THREADS = 3


class Note(NamedTuple):
    """Which token it was, when it was sent and answered (monotonic seconds), and what came of it.

    That clock is the machine's, and so the same in each process.
    """

    token: int
    began: float
    ended: float
    status: int
    queries: int


class Caller(Thread):
    """Sends one token after the other, in an order of its own, until it is over."""

    def __init__(self, tokens, seed, is_over):
        super().__init__()
        self.tokens, self.order, self.is_over = tokens, Random(seed), is_over
        self.notes, self.is_at_work, self.queries = [], Event(), 0

    def run(self):
        from django.db import connection

        connect()
        numbers = [*range(len(self.tokens))]
        with connection.execute_wrapper(self.count):
            while not self.is_over.is_set():
                self.order.shuffle(numbers)
                self.notes += [self.send(number) for number in numbers]
                self.is_at_work.set()
        connection.close()

    def count(self, execute, *arguments):
        self.queries += 1
        return execute(*arguments)

    def send(self, number):
        from tests.people import Device

        device = Device()
        device.access, device.http.raise_request_exception = self.tokens[number], False
        self.queries, began = 0, time.monotonic()
        status = device.call_protected().status_code
        return Note(number, began, time.monotonic(), status, self.queries)


def tell(program, line=""):
    program.stdin.write(f"{line}\n")
    program.stdin.flush()


@contextmanager
def at_work(number, **job):
    """Let so many processes call; yield a function that ends that, and returns the notes of each.

    A job has `tokens`, and the `port` of the Redis and `delay` in seconds for the settings.
    """
    command, environment = _apart("-m", "tests.troubled_callers")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    programs = [subprocess.Popen(command, env=environment, **pipes) for _ in range(number)]

    def stop():
        for program in programs:
            tell(program)
        return [[Note(*note) for note in json.loads(each.stdout.readline())] for each in programs]

    try:
        for seed, program in enumerate(programs):
            tell(program, json.dumps({**job, "seed": seed}))
        for program in programs:
            assert program.stdout.readline() == "at work\n"
        yield stop
    finally:
        for program in programs:
            program.communicate()


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    import django

    django.setup()
    from django.conf import settings

    from tests.troubled_redis import settings_of

    logging.disable()  # tracebacks by the thousand
    job = json.loads(sys.stdin.readline())
    for name, value in settings_of(job["port"], delay=job["delay"]).items():
        setattr(settings, name, value)
    is_over = Event()
    callers = [Caller(job["tokens"], THREADS * job["seed"] + n, is_over) for n in range(THREADS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.is_at_work.wait()
    say("at work")
    sys.stdin.readline()
    is_over.set()
    for caller in callers:
        caller.join()
    say(json.dumps([note for caller in callers for note in caller.notes]))


if __name__ == "__main__":
    main()
