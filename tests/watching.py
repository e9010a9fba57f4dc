"""Callers who ask one site all the time, while it loses its way to its servers and finds back."""

from __future__ import annotations

import time
from contextlib import suppress
from http.client import HTTPException
from threading import Event, Thread
from typing import NamedTuple

from tests.site_on_servers import Caller, wait_until

# Seconds in which a site is to find back, and in which its driver notices that a server is away.
SOON = 10
PATIENCE = 30


class Asked(NamedTuple):
    """What was asked when, and what came back when, if anything did."""

    began: float
    status: int | None
    answered_at: float | None


class Asking(Thread):
    """Somebody who asks a host all the time with one token, and keeps the answers."""

    def __init__(self, address, token):
        super().__init__()
        self.address, self.token, self.answers, self.is_over = address, token, [], Event()
        self.start()

    def run(self):
        while not self.is_over.wait(0.01):
            began, status, answered_at = time.monotonic(), None, None
            with suppress(OSError, HTTPException), Caller(self.address) as caller:
                status, _, _, answered_at, _ = caller.who(self.token)
            self.answers.append(Asked(began, status, answered_at))

    def stop(self):
        self.is_over.set()
        self.join()

    def since(self, moment):
        """What was answered to requests that began later."""
        return {answer.status for answer in self.answers if answer.began > moment}


class Watch:
    """Some who ask host B all the time, with the token that is revoked and with one that lives."""

    def __init__(self, address, lost, kept):
        self.lost, self.kept = [[Asking(address, token) for _ in "123"] for token in (lost, kept)]

    def stop(self):
        for asking in [*self.lost, *self.kept]:
            asking.stop()

    def accepted(self, *, after, before):
        """When anybody was let in between two moments, in seconds after the first one."""
        answers = [answer for asking in [*self.lost, *self.kept] for answer in asking.answers]
        accepted = [answer.answered_at for answer in answers if answer.status == 200]
        return [at - after for at in accepted if after < at < before]

    @staticmethod
    def found(askers, since=0.0):
        return set().union(*[asking.since(since) for asking in askers])

    @staticmethod
    def wait_for_answers(askers, since):
        """Wait until each has an answer to what they asked since then; return what was found."""

        def have_answers():
            return all(asking.since(since) for asking in askers)

        wait_until(have_answers, "nothing is answered", patience=PATIENCE)
        return Watch.found(askers, since)

    def wait_until_all_is_well(self):
        def is_well():
            since = time.monotonic() - 0.5
            return (self.found(self.lost, since), self.found(self.kept, since)) == ({401}, {200})

        wait_until(is_well, "the host does not find back", patience=SOON)
