"""How processes learn of a revocation where REVOCATION_CHECK is "cached", and if nobody tells."""

from __future__ import annotations

import pytest
from django.core.cache.backends.redis import RedisCache
from django.db import transaction

from jwt_sessions import sessions
from jwt_sessions.models import BulkRevocationReason, RevokedReason, Session
from jwt_sessions.revocation.shared_cache import MOST_KEYS, SharedCache
from jwt_sessions.sessions import Criteria
from tests.cached import DELAY, WINDOW, Process, revoke_everything_of, revoke_now, revoke_untold
from tests.many_sessions import begin
from tests.people import Device

proves = pytest.mark.proves

pytest_plugins = ["tests.cached_fixtures"]
pytestmark = pytest.mark.django_db(transaction=True)

LEAKED = BulkRevocationReason.CREDENTIALS_LEAKED


@proves("P1", "V1")
def test_p1_another_process_refuses_right_after_the_commit_without_a_query(phone, other):
    assert other.ask(phone) == (200, 1)  # it reads the window
    revoke_now(phone)
    assert other.ask(phone) == (401, 0)


def test_the_key_is_set_after_the_commit_and_not_before(phone, store):
    with transaction.atomic():
        revoke_now(phone)
        assert not store.has(phone.sid)
    assert store.has(phone.sid)


def test_what_is_rolled_back_sets_nothing(phone, store, other):
    with transaction.atomic():
        revoke_now(phone)
        transaction.set_rollback(True)
    assert store.count_keys() == 0
    assert other.ask(phone).status == 200


def test_what_a_savepoint_takes_back_sets_nothing(phone, laptop, store):
    with transaction.atomic():
        revoke_now(laptop)
        with transaction.atomic():
            revoke_now(phone)
            transaction.set_rollback(True)
    assert (store.has(phone.sid), store.has(laptop.sid)) == (False, True)


@pytest.mark.parametrize("bulk", [False, True], ids=["one", "many"])
def test_the_key_is_kept_for_the_length_of_the_window(phone, alice, store, bulk):
    revoke_everything_of(alice) if bulk else revoke_now(phone)
    assert WINDOW - 5 <= store.seconds_left(phone.sid) <= WINDOW


def reuse(device):
    first = device.refresh_token
    for token in (None, None, first):
        device.refresh(token)


def change_password(user):
    user.set_password("another")
    user.save()


def deactivate(user):
    user.is_active = False
    user.save()


def revoke_in_steps():
    record = sessions.record_revocation(Criteria(everyone=True), reason=LEAKED)
    position = sessions.revoke_some(record)
    while position is not None:
        position = sessions.revoke_some(record, position=position)


ACTS = {
    "revoke": lambda user, device: sessions.revoke(
        device.session.pk, reason=RevokedReason.SIGNED_OUT
    ),
    "sign out": lambda user, device: device.post("logout/"),
    "revoke_all": lambda user, device: revoke_everything_of(user),
    "password": lambda user, device: change_password(user),
    "account": lambda user, device: deactivate(user),
    "deletion": lambda user, device: user.delete(),
    "limit": lambda user, device: Device().sign_in(user),
    "reuse": lambda user, device: reuse(device),
    "revoke_in_batches": lambda user, device: sessions.revoke_in_batches(
        Session.objects.all(), reason=LEAKED
    ),
    "revoke_some": lambda user, device: revoke_in_steps(),
}


@proves("P1", "V1", "V2", "P12")
@pytest.mark.parametrize("act", ACTS)
def test_p1_however_it_ends_its_key_tells_of_it_at_once(act, phone, alice, other, store, set_jwt):
    if act == "limit":
        set_jwt(MAX_SESSIONS_PER_USER=1)
    assert other.ask(phone) == (200, 1)
    epoch, sid = store.epoch, phone.sid
    access = phone.access
    ACTS[act](alice, phone)
    phone.access = access
    assert other.ask(phone) == (401, 0)
    assert store.has(sid)
    assert store.epoch == epoch


@proves("P1", "V1")
@pytest.mark.parametrize("act", ["revoke_all", "password", "account", "deletion"])
def test_p1_more_than_a_thousand_are_told_by_a_fresh_epoch(act, phone, alice, other, store):
    begin(alice, number=MOST_KEYS)  # and her phone
    assert other.ask(phone) == (200, 1)
    epoch = store.epoch
    ACTS[act](alice, phone)
    assert store.count_keys() == 0
    assert store.epoch != epoch
    assert other.ask(phone) == (401, 1)  # it reads the window again
    assert other.ask(phone) == (401, 0)


def test_a_thousand_are_told_by_their_keys(phone, alice, other, store):
    begin(alice, number=MOST_KEYS - 1)
    other.ask(phone)
    epoch = store.epoch
    assert revoke_everything_of(alice) == MOST_KEYS
    assert (store.count_keys(), store.epoch) == (MOST_KEYS, epoch)
    assert other.ask(phone) == (401, 0)


@proves("P1", "V1")
@pytest.mark.parametrize("size", [MOST_KEYS, MOST_KEYS + 1], ids=["keys", "epoch"])
def test_p1_a_batch_is_told_by_keys_or_by_an_epoch_as_it_is_large(phone, alice, other, store, size):
    begin(alice, number=size - 1)
    other.ask(phone)
    epoch = store.epoch
    sessions.revoke_in_batches(Session.objects.all(), reason=LEAKED, batch_size=size)
    assert (store.epoch == epoch) == (store.count_keys() == size) == (size == MOST_KEYS)
    assert other.ask(phone).status == 401


def test_an_epoch_is_random_and_no_counter(store):
    found = []
    for _ in range(20):
        SharedCache().tell([None] * (MOST_KEYS + 1))
        found.append(store.epoch)
    assert len(set(found)) == 20
    assert found != sorted(found)
    assert max(found) > 2**56


@proves("P1", "V1")
def test_p1_a_set_that_failed_is_logged_and_others_refuse_within_the_delay(
    phone, other, store, monotonic, caplog
):
    assert other.ask(phone) == (200, 1)
    with store.full():
        revoke_now(phone)
    assert "the cache could not be told of revoked sessions" in caplog.text
    assert not store.has(phone.sid)
    monotonic.shift(DELAY / 2)
    assert other.ask(phone) == (200, 0)
    monotonic.shift(DELAY / 2 + 0.001)
    assert other.ask(phone) == (401, 1)


@proves("P1", "V1")
@pytest.mark.parametrize("name", ["set", "set_many"], ids=["epoch", "keys"])
def test_p1_a_set_that_failed_is_no_delay_in_the_process_itself(
    phone, alice, store, monotonic, name
):
    this = Process()
    if name == "set":
        begin(alice, number=MOST_KEYS)
    assert this.ask(phone) == (200, 1)
    with this.at_work(), store.full():
        revoke_everything_of(alice)
    assert this.ask(phone) == (401, 1)


@proves("P1", "V1")
def test_p1_a_cache_that_does_not_keep_all_is_one_that_failed(
    phone, other, monotonic, monkeypatch, caplog
):
    this = Process()
    assert this.ask(phone) == other.ask(phone) == (200, 1)
    # As Memcached does, which returns the names that it did not keep.
    monkeypatch.setattr(RedisCache, "set_many", lambda self, values, timeout: list(values))
    with this.at_work():
        revoke_now(phone)
    assert "the cache did not keep 1 of 1 revoked sessions" in caplog.text
    assert this.ask(phone) == (401, 1)
    monotonic.shift(DELAY + 0.001)
    assert other.ask(phone) == (401, 1)


@proves("P1", "V1")
def test_p1_what_a_process_left_untold_is_refused_within_the_delay_by_any_other(
    phone, other, monotonic
):
    others = [other, Process(), Process()]
    assert [each.ask(phone).status for each in others] == [200] * 3
    revoke_untold(phone)
    monotonic.shift(DELAY + 0.001)
    assert [each.ask(phone).status for each in others] == [401] * 3
    assert Process().ask(phone).status == 401
