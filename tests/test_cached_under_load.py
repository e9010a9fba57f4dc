"""P1: the cached check, asked by two busy processes while its cache comes, goes and forgets."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from tests.many_sessions import begin
from tests.people import Device, make_user
from tests.racing import wait_until_alone
from tests.troubled_callers import at_work
from tests.troubled_redis import NONSENSE, TROUBLES, TroubledRedis, settings_of

pytestmark = [
    pytest.mark.proves("P1", "V1", "V8"),
    pytest.mark.races,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("races"),
]

DELAY = 1  # seconds
PROCESSES = 2
UNTOLD = "the cache could not be told of revoked sessions"
# Amid these a revocation may be lost, and nobody can see that; the others are noticed.
UNNOTICED = {"hanging", "full", "without its keys"}
# What comes over the cache, in turn.
TURNS = [
    "killed",
    "hanging",
    "flushed",
    "full",
    "without its epoch",
    "talking nonsense",
    "without its keys",
]


@pytest.fixture(autouse=True)
def clock():
    """The real one: this is about time that passes."""


@pytest.fixture
def redis(tmp_path, settings):
    server = TroubledRedis(tmp_path)
    for name, value in settings_of(server.port, delay=DELAY).items():
        setattr(settings, name, value)
    yield server
    server.close()


class Trial:
    """Who is let in, who is signed out, and when; and when the cache could not be relied on."""

    def __init__(self, redis, caplog):
        self.redis, self.caplog, self.is_amid = redis, caplog, False
        self.tokens, self.sids, self.revoked, self.unreliable = [], [], {}, []

    def sign_in(self, user):
        pair = sessions.start(user)
        self.tokens.append(pair.access)
        self.sids.append(pair.session.pk)
        return len(self.tokens) - 1

    def revoke(self, number):
        with self.noting(number):
            assert sessions.revoke(self.sids[number], reason=RevokedReason.SIGNED_OUT)

    def revoke_all(self, user, number):
        with self.noting(number):
            assert sessions.revoke_all(user, reason=RevokedReason.REVOKED_BY_STAFF) > 1_000

    @contextmanager
    def noting(self, number):
        called, untold = time.monotonic(), self.caplog.messages.count(UNTOLD)
        yield
        self.revoked[number] = called, time.monotonic()
        if not self.is_amid and self.caplog.messages.count(UNTOLD) > untold:
            # A machine so busy that the cache took too long though nothing was the matter with it.
            self.unreliable.append(self.revoked[number])

    def trouble(self, name, *acts):
        """Let it begin and end, and each act happen meanwhile."""
        kind, began = TROUBLES[name].of(self.redis), time.monotonic()
        self.is_amid = True
        kind.begin()
        for act in acts:
            time.sleep(0.2)
            act()
        time.sleep(0.3)
        kind.end()
        self.is_amid = False
        if name in UNNOTICED:
            self.unreliable.append((began, time.monotonic()))

    def is_excused(self, note):
        """Return whether the cache could not be relied on between the revocation and the call."""
        called, _ = self.revoked[note.token]
        return any(called <= end and begin <= note.ended for begin, end in self.unreliable)


def test_p1_whatever_comes_over_the_cache_nobody_is_let_in_too_late_and_nobody_thrown_out(
    redis, caplog
):
    trial, alice = Trial(redis, caplog), make_user("alice")
    live = [trial.sign_in(alice) for _ in range(3)]
    single = iter([trial.sign_in(alice) for _ in range(3 * len(TURNS))])
    crowds = {user: trial.sign_in(user) for user in (make_user("bob"), make_user("carol"))}
    for user in crowds:
        begin(user, number=1_001)
    crowd = iter(crowds.items())
    with at_work(PROCESSES, tokens=trial.tokens, port=redis.port, delay=DELAY) as stop:
        for name in TURNS:
            trial.revoke(next(single))
            acts = [lambda: trial.revoke(next(single))]
            if name in {"killed", "full"}:
                acts.append(lambda: trial.revoke_all(*next(crowd)))
            trial.trouble(name, *acts)
            trial.revoke(next(single))
            time.sleep(0.3)
        time.sleep(DELAY)
        found = stop()
    wait_until_alone()
    for notes in found:
        assert_kept(trial, notes, live)


def assert_kept(trial, notes, live):
    """Assert what is promised to the callers of one process."""
    assert {note.status for note in notes if note.token in live} == {200}
    for number, (called, returned) in trial.revoked.items():
        mine = [note for note in notes if note.token == number]
        before = {note.status for note in mine if note.ended < called}
        after = [note for note in mine if note.began > returned]
        accepted = [note for note in after if note.status == 200]
        assert before == {200}
        assert 401 in {note.status for note in after} <= {200, 401}
        assert [note for note in accepted if note.began > returned + DELAY] == []
        assert [note for note in accepted if not trial.is_excused(note)] == []
    # It is the cache that was asked, whenever it could be.
    assert sum(note.queries == 0 for note in notes) > len(notes) / 5


def test_of_many_callers_one_finds_out_whether_the_cache_is_back(redis, threads, set_jwt):
    set_jwt(REVOCATION_MAX_DELAY=timedelta(minutes=1))  # so that nobody reads the window meanwhile
    alice = make_user("alice")
    devices = [Device() for _ in range(8)]
    for device in devices:
        device.access = sessions.start(alice).access
    callers = threads(len(devices))
    assert devices[0].call_protected().status_code == 200
    redis.talk_nonsense(NONSENSE["silence"])
    assert devices[0].call_protected().status_code == 200
    before = redis.nonsense.calls
    time.sleep(1)  # so long it is left alone
    answers = callers.at_once(*[device.call_protected for device in devices])
    assert {answer.status_code for answer in answers} == {200}
    # Two may ask at the very same moment; all would if each of them asked.
    assert redis.nonsense.calls - before <= len(devices) / 2
