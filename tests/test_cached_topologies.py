"""The cached check on more than one Redis: with replicas, and on a Redis Cluster."""

from __future__ import annotations

import signal
import time
from datetime import timedelta

import pytest
import redis
from django.core.cache import caches

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from jwt_sessions.revocation import is_revoked
from jwt_sessions.revocation.cached import CachedCheck, this_process
from tests.servers import RedisServer, free_port

pytestmark = [
    pytest.mark.proves("P1", "V8"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
]

REDIS = "django.core.cache.backends.redis.RedisCache"
SLOTS = 16_384


@pytest.fixture
def use(settings, set_jwt):
    def use_cache(backend, location, **options):
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location, **options}}
        set_jwt(REVOCATION_CHECK="cached", REVOCATION_MAX_DELAY=timedelta(seconds=5))
        return this_process()

    return use_cache


def url(server):
    return f"redis://127.0.0.1:{server.port}"


def wait_until(is_so):
    for _ in range(200):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail("it never came to be so")


class Replica(RedisServer):
    """A Redis that follows another."""

    def __init__(self, folder, primary):
        # What a replica copies, it saves.
        super().__init__("--dir", str(folder), "--replicaof", "127.0.0.1", str(primary.port))
        self.client = redis.Redis(port=self.port)
        wait_until(lambda: self.client.info("replication")["master_link_status"] == "up")


@pytest.fixture
def primary(tmp_path):
    server = RedisServer("--dir", str(tmp_path))
    yield server
    server.kill()


@pytest.fixture
def replica(tmp_path, primary):
    server = Replica(tmp_path, primary)
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.kill()


def ask(check, sid, queries):
    """Let a process be asked twice, for the first time may find that it knows nothing."""
    check.is_revoked(sid)
    with queries(0):
        return check.is_revoked(sid)


def test_writes_go_to_the_primary_and_looks_to_a_replica(
    use, primary, replica, phone, laptop, django_assert_num_queries
):
    use(REDIS, [url(primary), url(replica)])
    other = CachedCheck()
    wait_until(lambda: ask_quietly(other, phone))
    assert ask(other, phone.session.pk, django_assert_num_queries) is False
    looks = replica.client.info("commandstats")["cmdstat_mget"]["calls"]
    sid = phone.session.pk
    sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)
    wait_until(lambda: other.is_revoked(sid))
    assert ask(other, laptop.session.pk, django_assert_num_queries) is False
    assert replica.client.info("commandstats")["cmdstat_mget"]["calls"] > looks
    assert "cmdstat_mget" not in redis.Redis(port=primary.port).info("commandstats")


def ask_quietly(check, device):
    """Whether the process has read the window; a replica may not know the epoch at once."""
    check.is_revoked(device.session.pk)
    return check.knowledge is not None


def test_p1_a_replica_that_lags_costs_the_delay_and_no_more(
    use, primary, replica, phone, monkeypatch
):
    use(REDIS, [url(primary), url(replica)])
    other = CachedCheck()
    wait_until(lambda: ask_quietly(other, phone))
    replica.client.replicaof("NO", "ONE")  # it hears of nothing any more, and answers
    sid = phone.session.pk
    sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)
    later = time.monotonic() + 5
    for module in ("cached", "shared_cache"):
        monkeypatch.setattr(f"jwt_sessions.revocation.{module}.monotonic", lambda: later)
    assert other.is_revoked(sid)


def test_a_replica_that_hangs_means_the_database(use, primary, replica, phone, caplog):
    use(REDIS, [url(primary), url(replica)])
    wait_until(lambda: ask_quietly(this_process(), phone))
    replica.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    assert is_revoked(phone.session.pk) is None
    assert phone.call_protected().status_code == 200
    assert time.monotonic() - began < 2


class Node(RedisServer):
    """A node of a Redis Cluster."""

    def __init__(self, folder, slots):
        self.bus = free_port()
        cluster = {"enabled": "yes", "config-file": f"{folder}/{self.bus}", "port": self.bus}
        super().__init__(*[w for k, v in cluster.items() for w in (f"--cluster-{k}", str(v))])
        self.client = redis.Redis(port=self.port)
        self.client.execute_command("CLUSTER", "ADDSLOTSRANGE", slots[0], slots[-1])


@pytest.fixture
def cluster(tmp_path):
    halves = range(SLOTS // 2), range(SLOTS // 2, SLOTS)
    first, second = nodes = [Node(tmp_path, half) for half in halves]
    first.client.execute_command("CLUSTER", "MEET", "127.0.0.1", second.port, second.bus)
    for node in nodes:
        wait_until(lambda node=node: is_whole(node))
    yield nodes
    caches["default"]._cache._cluster.close()
    for node in nodes:
        node.kill()


def is_whole(node):
    info = node.client.cluster("INFO")
    return (info["cluster_state"], info["cluster_known_nodes"]) == ("ok", "2")


def test_p1_on_a_cluster_the_keys_belong_together(
    use, cluster, phone, laptop, alice, django_assert_num_queries
):
    use("tests.cluster_cache.ClusterCache", url(cluster[0]), KEY_PREFIX="{revocations}")
    other = CachedCheck()
    sid = phone.session.pk
    assert ask(other, sid, django_assert_num_queries) is False
    sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)
    assert ask(other, sid, django_assert_num_queries) is True
    assert sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT) == 1
    assert ask(other, laptop.session.pk, django_assert_num_queries) is True


def test_keys_of_several_slots_mean_the_database(use, cluster, phone, caplog):
    use("tests.cluster_cache.ClusterCache", url(cluster[0]))
    assert [is_revoked(phone.session.pk) for _ in range(2)] == [None, None]
    assert phone.call_protected().status_code == 200
    sessions.revoke(phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    assert phone.call_protected().status_code == 401
