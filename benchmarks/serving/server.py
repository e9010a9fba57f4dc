"""gunicorn on a port that is free, for as long as it is asked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from benchmarks.databases import scratch_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

# One process and one thread, which has one connection to the database. Unlike a sync worker, it
# keeps connections alive.
OPTIONS: Final = (
    *("--workers", "1", "--worker-class", "gthread", "--threads", "1"),
    *("--keep-alive", "60", "--no-control-socket", "--log-level", "warning"),
)

# Seconds that it has to go in peace.
PATIENCE: Final = 10


@contextmanager
def gunicorn(*, check: str) -> Iterator[tuple[str, int]]:
    """Serve the project on the scratch database; yield host and port.

    `check` is REVOCATION_CHECK.
    """
    # It listens already: whoever connects waits until the server is there.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Head and body go out apart, and the second would wait for the client to confirm the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        descriptor = listener.fileno()
        command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{descriptor}", *OPTIONS]
        process = subprocess.Popen(
            [*command, "benchmarks.wsgi"],
            pass_fds=[descriptor],
            env={**os.environ, **scratch_environment(), "BENCHMARK_REVOCATION_CHECK": check},
        )
        try:
            yield listener.getsockname()
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
