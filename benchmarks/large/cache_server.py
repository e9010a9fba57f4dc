"""A Redis of our own, and what it does with what the cached check asks and tells."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from django.test import override_settings

from benchmarks.settings import REDIS
from jwt_sessions.revocation.shared_cache import EPOCH, MOST_KEYS, SharedCache

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER: Final = "redis-server"
FLOODER: Final = "redis-benchmark"

# Of revoked sessions that are told, and of questions asked by the process that measures.
TOLD: Final = 100 * MOST_KEYS
ASKED: Final = 2_000
# Of questions asked by redis's own benchmark, over so many connections.
FLOOD: Final = 200_000
CONNECTIONS: Final = 50


def report() -> str:
    """Return what there is to say, in words."""
    missing = [name for name in (SERVER, FLOODER) if not shutil.which(name)]
    if missing:
        return f"Redis: not measured, for there is no {' and no '.join(missing)}."
    with _server() as (port, server):
        location = {**REDIS, "LOCATION": f"redis://127.0.0.1:{port}", "KEY_PREFIX": ""}
        with override_settings(CACHES={"default": location}):
            cache = SharedCache()
            cache.read_epoch()
            size = _size_of_a_key(server, cache)
            asking = _ask(cache)
        rate, capacity = _flood(port, server)
    return (
        f"Redis: {size:.0f} bytes for each revoked session; {asking:.0f} µs for the question of a "
        f"request, asked by one process;\n{rate:,.0f} such questions a second over {CONNECTIONS} "
        f"connections, {capacity:,.0f} for each second of its processor."
    )


@contextmanager
def _server() -> Iterator[tuple[int, Any]]:
    """Run one that keeps nothing, on a port that is free; yield the port and a client."""
    # A project without Redis has no package of its.
    from redis import Redis, exceptions
    from redis.backoff import ConstantBackoff
    from redis.retry import Retry

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command = [str(shutil.which(SERVER)), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    patient = Retry(ConstantBackoff(0.1), 100, (exceptions.ConnectionError,))
    try:
        with Redis(port=port, retry=patient) as client:
            client.ping()
            yield port, client
    finally:
        process.terminate()
        process.wait()


def _size_of_a_key(server: Any, cache: SharedCache) -> float:
    before = server.info("memory")["used_memory"]
    for _ in range(TOLD // MOST_KEYS):
        cache.tell([uuid4() for _ in range(MOST_KEYS)])
    grown: int = server.info("memory")["used_memory"] - before
    return grown / TOLD


def _ask(cache: SharedCache) -> float:
    """Return the microseconds of a question, at the median."""
    seconds = []
    for sid in [uuid4() for _ in range(ASKED)]:
        start = perf_counter()
        cache.look(sid)
        seconds.append(perf_counter() - start)
    return median(seconds) * 1_000_000


def _flood(port: int, server: Any) -> tuple[float, float]:
    """Return how many questions it answers in a second, and in one of its processor's seconds."""
    keys = (f":1:{EPOCH}", f":1:jwt_sessions:revoked:{uuid4().hex}")
    command = [
        str(shutil.which(FLOODER)),
        "-p",
        str(port),
        "-c",
        str(CONNECTIONS),
        "-n",
        str(FLOOD),
        "-q",
    ]
    before, start = _processor_seconds(server), perf_counter()
    subprocess.run([*command, "MGET", *keys], check=True, stdout=subprocess.DEVNULL)
    took, worked = perf_counter() - start, _processor_seconds(server) - before
    return FLOOD / took, FLOOD / worked


def _processor_seconds(server: Any) -> float:
    used = server.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])
