"""What a request makes of the shared cache where REVOCATION_CHECK is "cached"."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.cache.backends.redis import RedisCache

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from jwt_sessions.revocation import cached
from jwt_sessions.revocation.shared_cache import EPOCH, MOST_KEYS, SharedCache, find_cache
from tests.cached import DELAY, later, revoke_now, revoke_untold
from tests.many_sessions import begin
from tests.site_on_servers import wait_until

proves = pytest.mark.proves

pytest_plugins = ["tests.cached_fixtures"]
pytestmark = pytest.mark.django_db(transaction=True)


@proves("P12")
@pytest.mark.parametrize("number", [3, 300])
def test_p12_a_request_is_one_look_into_the_cache_and_no_query(phone, other, store, number):
    begin(number=number, revoked_after=timedelta(0))
    other.ask(phone)
    assert len(other.knows) == number
    with store.commands() as counts:
        assert other.ask(phone) == (200, 0)
    assert counts == {"mget": 1}


@proves("P12")
def test_p12_a_refusal_costs_no_more(phone, other, store):
    other.ask(phone)
    revoke_now(phone)
    with store.commands() as counts:
        assert other.ask(phone) == (401, 0)
    assert counts == {"mget": 1}


@proves("P1")
def test_p1_a_key_is_enough_though_the_window_knows_nothing(phone, other):
    other.ask(phone)
    SharedCache().tell([phone.session.pk])
    assert other.ask(phone) == (401, 0)
    assert other.knows == []


@proves("P1", "V8")
def test_p1_the_window_is_enough_though_the_key_is_evicted(phone, other, store, monotonic):
    other.ask(phone)
    revoke_now(phone)
    store.forget(phone.sid)
    assert other.ask(phone) == (200, 0)  # nothing tells of it yet
    monotonic.shift(DELAY + 0.001)
    assert other.ask(phone) == (401, 1)
    assert other.ask(phone) == (401, 0)


@proves("P12")
def test_p12_for_a_new_epoch_the_window_is_read_once(phone, laptop, other, reads):
    other.ask(phone)
    SharedCache().tell([None] * (MOST_KEYS + 1))
    assert [other.ask(phone).queries for _ in range(4)] == [1, 0, 0, 0]
    assert len(reads) == 2


@proves("P1", "V8")
def test_p1_a_flushed_cache_begins_a_new_epoch_and_the_window_is_read(phone, other, store):
    other.ask(phone)
    before = store.epoch
    revoke_now(phone)
    store.client.flushall()
    assert other.ask(phone) == (401, 1)
    assert other.ask(phone) == (401, 0)
    assert store.epoch not in {None, before}
    assert store.client.ttl(store.cache.make_key("jwt_sessions:epoch")) == -1  # for ever


def test_two_processes_that_begin_an_epoch_at_once_agree_on_the_first_one(store, monkeypatch):
    get, found = RedisCache.get, []

    def miss_it_and_be_overtaken(*arguments):
        monkeypatch.setattr(RedisCache, "get", get)
        missing = get(*arguments)
        found.append(SharedCache().read_epoch())
        return missing

    monkeypatch.setattr(RedisCache, "get", miss_it_and_be_overtaken)
    found.append(SharedCache().read_epoch())
    assert found == [store.epoch] * 2
    assert store.epoch > 2**40


@proves("P1", "V2")
def test_v2_a_user_who_is_deleted_by_a_query_is_refused_at_once(phone, alice, other):
    other.ask(phone)
    get_user_model().objects.filter(pk=alice.pk).delete()
    assert other.ask(phone) == (401, 0)


def test_a_process_that_checks_by_the_database_tells_nobody(phone, store, set_jwt):
    set_jwt(REVOCATION_CHECK="database")
    revoke_now(phone)
    assert store.count_keys() == 0


def test_a_session_that_was_revoked_before_is_told_once(phone, store):
    revoke_now(phone)
    store.forget(phone.sid)
    assert not sessions.revoke(phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    assert store.count_keys() == 0


def test_a_thread_of_its_own_looks_by_the_same_connection_pool(phone, other, store, caplog):
    caplog.set_level(logging.WARNING)
    other.ask(phone)
    assert later(other.check.is_revoked, phone.session.pk) is False
    assert cached.this_process() is cached.this_process()


@proves("P1")
def test_p1_what_becomes_too_old_while_the_cache_is_asked_lets_nobody_in(
    other, phone, monotonic, monkeypatch
):
    assert other.ask(phone).status == 200
    revoke_untold(phone)
    look = other.check.cache.look

    def look_for_long(sid):
        monotonic.shift(DELAY + 0.1)
        return look(sid)

    monkeypatch.setattr(other.check.cache, "look", look_for_long)
    assert other.ask(phone).status == 401


@proves("P1", "V1")
def test_p1_an_answer_that_nobody_has_read_is_not_taken_for_that_to_the_next_question(
    phone, laptop, store, other
):
    other.ask(phone)
    SharedCache().tell([laptop.session.pk])
    client = find_cache()._cache
    (connection,) = client._connections.__dict__.values()
    # What a time limit of a server's leaves behind: asked for one session, and not listened to.
    connection.send_command("MGET", store.cache.make_key(EPOCH), store.name_of(phone.sid))
    wait_until(connection.can_read, "the answer never came")
    assert other.ask(laptop) == (401, 0)
    assert other.ask(phone) == (200, 0)


class Interrupted(BaseException):
    """What a server ends a request by that takes too long."""


@proves("P1", "V1")
def test_p1_a_look_that_is_broken_off_leaves_no_answer_behind(phone, laptop, other, monkeypatch):
    other.ask(phone)
    SharedCache().tell([laptop.session.pk])
    (connection,) = find_cache()._cache._connections.__dict__.values()

    def interrupt():
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(connection, "read_response", interrupt)
        with pytest.raises(Interrupted):
            other.check.is_revoked(phone.session.pk)
    assert connection._sock is None
    assert other.ask(laptop) == (401, 0)
