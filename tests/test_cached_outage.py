"""P1, V8: the cached check while its cache is away, hangs, forgets, is full or talks nonsense."""

from __future__ import annotations

import logging
import time

import pytest
from django.core.cache import caches
from django.db import close_old_connections

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from tests.many_sessions import begin
from tests.people import Device
from tests.troubled_redis import (
    EPOCH,
    FAILING,
    NONSENSE,
    REVOKED,
    TROUBLES,
    UNHEARD,
    OtherProcess,
    TroubledRedis,
    Watch,
    cost_of,
    revoke,
    settings_of,
)

pytestmark = [pytest.mark.proves("P1", "V8"), pytest.mark.django_db(transaction=True)]

# One database is like another to these, and each of them takes its time to be emptied again.
once = pytest.mark.once
BY_STAFF = RevokedReason.REVOKED_BY_STAFF
DELAY = 5
FAILED = "the cache of revocations failed; the database is asked"
PAUSE = 1.0  # seconds that a cache which failed is left alone


@pytest.fixture
def redis(tmp_path):
    server = TroubledRedis(tmp_path)
    yield server
    server.close()


@pytest.fixture
def watch(monkeypatch, clock):
    return Watch(monkeypatch, clock)


@pytest.fixture
def trouble(request, redis):
    """What the Redis of this test is in: ``trouble.begin()``, ``trouble.end()``."""
    return TROUBLES[request.param].of(redis)


@pytest.fixture
def site(settings, redis, watch, request):
    """A site that asks this Redis."""
    by_line = "trouble" in request.fixturenames and request.getfixturevalue("trouble").by_line
    port = redis.line.port if by_line else redis.port
    for name, value in settings_of(port, delay=DELAY).items():
        setattr(settings, name, value)


@pytest.fixture
def phone(site, redis, phone):
    """Alice's phone, at a site that knows who is revoked."""
    assert cost_of(phone.call_protected) == (200, 1)
    assert cost_of(phone.call_protected) == (200, 0)
    redis.save()
    return phone


@pytest.fixture
def elsewhere(monkeypatch):
    return OtherProcess(monkeypatch)


def amid_each(names=tuple(TROUBLES)):
    return pytest.mark.parametrize("trouble", names, indirect=True)


def ask(device):
    """Do what Django does after each request, and its test client leaves out."""
    answer = device.call_protected()
    close_old_connections()
    return answer


@amid_each()
def test_p1_a_revocation_amid_trouble_is_seen_at_once_or_within_the_delay(
    trouble, phone, laptop, elsewhere, watch
):
    trouble.begin()
    elsewhere.do(revoke, phone)
    if not trouble.mutes:
        assert phone.call_protected().status_code == 401
    watch.shift(DELAY + 0.001)
    assert phone.call_protected().status_code == 401
    assert laptop.call_protected().status_code == 200
    trouble.end()
    watch.shift(PAUSE)
    assert [phone.call_protected().status_code for _ in range(3)] == [401] * 3


@amid_each()
def test_p1_a_revocation_before_the_trouble_stays_seen_or_is_within_the_delay(
    trouble, phone, laptop, elsewhere, watch
):
    elsewhere.do(revoke, phone)
    trouble.begin()
    if not trouble.forgets:
        assert phone.call_protected().status_code == 401
    watch.shift(DELAY + 0.001)
    assert phone.call_protected().status_code == 401
    assert laptop.call_protected().status_code == 200


@amid_each()
def test_p1_many_revoked_at_once_amid_trouble_are_seen_at_once_or_within_the_delay(
    trouble, phone, laptop, alice, elsewhere, watch
):
    begin(alice, number=1_001)  # that are more than there are keys for
    trouble.begin()
    elsewhere.do(sessions.revoke_all, alice, reason=BY_STAFF, keep=laptop.session.pk)
    if not trouble.mutes:
        assert phone.call_protected().status_code == 401
    watch.shift(DELAY + 0.001)
    assert phone.call_protected().status_code == 401
    assert laptop.call_protected().status_code == 200


@once
@amid_each()
def test_no_live_session_is_refused_before_amid_and_after_trouble(trouble, phone, watch):
    for act in (trouble.begin, trouble.end):
        act()
        for _ in range(8):
            assert phone.call_protected().status_code == 200
            watch.shift(0.9)


@once
@amid_each()
def test_the_cached_check_is_used_again_within_a_second_of_the_end(trouble, phone, watch):
    trouble.begin()
    assert phone.call_protected().status_code == 200
    trouble.end()
    watch.shift(PAUSE)
    assert phone.call_protected().status_code == 200
    assert [cost_of(phone.call_protected) for _ in range(3)] == [(200, 0)] * 3


@once
@pytest.mark.proves("P12")
@amid_each(FAILING)
def test_a_failing_cache_is_asked_once_in_a_second_and_else_the_database(
    trouble, phone, watch, caplog
):
    trouble.begin()
    began = time.perf_counter()
    for calls in (1, 2):
        assert {cost_of(phone.call_protected) for _ in range(40)} == {(200, 1)}
        assert caplog.messages.count(FAILED) == calls
        watch.shift(PAUSE)
    # Were each of them to wait for the cache, it would be 20 seconds and more.
    assert time.perf_counter() - began < 10


@once
def test_a_request_waits_for_a_hanging_cache_no_longer_than_its_time_out(phone, redis):
    redis.pause()
    began = time.perf_counter()
    assert phone.call_protected().status_code == 200
    # A quarter of a second to connect, one for the answer; the rest is for busy machines.
    assert 0.2 < time.perf_counter() - began < 2


@once
@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_refuses_nobody_and_lets_nobody_in(answer, phone, laptop, redis, elsewhere, watch):
    redis.talk_nonsense(answer)
    elsewhere.do(revoke, laptop)
    for _ in range(3):
        assert phone.call_protected().status_code == 200
        assert laptop.call_protected().status_code == 401
        watch.shift(DELAY)


@once
def test_who_talks_nonsense_is_called_once_in_a_second(phone, redis, watch):
    redis.talk_nonsense(NONSENSE["noise"])
    for calls in (1, 2):
        for _ in range(20):
            phone.call_protected()
        assert redis.nonsense.calls == calls
        watch.shift(PAUSE)


@once
@pytest.mark.parametrize("pattern", [EPOCH, REVOKED])
def test_p1_what_is_evicted_for_want_of_room_lets_nobody_in(
    pattern, phone, laptop, redis, elsewhere, watch
):
    elsewhere.do(revoke, phone)
    redis.crowd_out(pattern)
    watch.shift(DELAY + 0.001)
    assert phone.call_protected().status_code == 401
    assert laptop.call_protected().status_code == 200


def test_v8_a_flush_costs_a_query_and_no_safety(phone, laptop, elsewhere):
    elsewhere.do(revoke, laptop)
    for _ in range(3):
        caches["revocations"].clear()
        assert cost_of(laptop.call_protected) == (401, 1)  # the window, read again
        assert cost_of(laptop.call_protected) == (401, 0)
        assert cost_of(phone.call_protected) == (200, 0)


def test_v8_a_flush_is_seen_by_each_process_though_another_saw_it_first(phone, elsewhere):
    elsewhere.do(revoke, phone)
    caches["revocations"].clear()
    assert elsewhere.do(phone.call_protected).status_code == 401
    assert cost_of(phone.call_protected) == (401, 1)


@once
@amid_each()
def test_all_else_works_amid_trouble(trouble, phone, laptop, alice):
    trouble.begin()
    tablet, reader = Device(), Device()
    assert tablet.sign_in(alice).status_code == reader.sign_in(alice).status_code == 200
    assert tablet.refresh().status_code == 200
    assert any(session["current"] for session in tablet.list_sessions())
    assert tablet.delete(f"sessions/{laptop.sid}/").status_code == 204
    assert tablet.post("logout/").status_code == 204
    assert reader.post("token/blacklist/", {"refresh": reader.refresh_token}).status_code == 200
    assert phone.post("sessions/revoke-others/").status_code == 200
    assert phone.call_protected().status_code == 200
    assert [ended.refresh().status_code for ended in (laptop, tablet, reader)] == [401] * 3


@once
@amid_each(UNHEARD)
def test_what_could_not_be_told_is_an_error_in_the_log(trouble, phone, caplog):
    trouble.begin()
    assert phone.post("logout/").status_code == 204
    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert told.getMessage() == "the cache could not be told of revoked sessions"
    assert phone.access not in caplog.text
    # The process itself knows it at once.
    assert phone.call_protected().status_code == 401


def assert_unavailable(answer):
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.proves("P8")
def test_p8_without_database_the_cached_check_goes_on_for_the_delay(
    phone, laptop, line, watch, elsewhere
):
    ask(phone)
    elsewhere.do(revoke, laptop)
    line.cut()
    for _ in range(4):
        assert ask(phone).status_code == 200
        assert ask(laptop).status_code == 401
        watch.shift(DELAY / 4)
    watch.shift(0.001)
    assert_unavailable(ask(phone))
    line.mend()
    watch.shift(PAUSE)
    assert ask(phone).status_code == 200
    assert ask(laptop).status_code == 401
    assert cost_of(phone.call_protected) == (200, 0)


@pytest.mark.proves("P8")
@amid_each(FAILING)
def test_p8_without_database_and_cache_nobody_is_let_in(trouble, phone, laptop, line, watch):
    revoke(laptop)
    line.cut()
    trouble.begin()
    for _ in range(3):
        assert_unavailable(ask(phone))
        assert_unavailable(ask(laptop))
        watch.shift(DELAY)
    trouble.end()
    assert_unavailable(ask(phone))
    line.mend()
    watch.shift(PAUSE)
    assert ask(phone).status_code == 200
    assert ask(laptop).status_code == 401
    assert cost_of(phone.call_protected) == (200, 0)
