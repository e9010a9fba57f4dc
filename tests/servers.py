"""Servers of the tests' own, for what must be stopped and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest


def need(program):
    """Return where `program` is; without it skip, and say so, or fail where CI runs."""
    return shutil.which(program) or do_without(f"{program} is not installed")


def do_without(reason):
    """Skip, and say why, or fail where CI runs."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI skips nothing")
    pytest.skip(reason)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for_port(port):
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing answers on port {port}")


class RedisServer:
    """A Redis that keeps nothing, on a port of its own; other hosts reach it at `addresses`."""

    def __init__(self, *options, addresses=()):
        self.program, self.port = need("redis-server"), free_port()
        self.options, self.addresses = options, ("127.0.0.1", *addresses)
        self.start()

    def start(self):
        command = [self.program, "--port", str(self.port), "--bind", *self.addresses]
        command += ["--save", "", "--appendonly", "no", "--protected-mode", "no", *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for_port(self.port)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        """Let it hang: it takes connections and questions, and answers none."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def say(self, *command):
        """Send it a command, and return the answer."""
        from redis import Redis

        with Redis(port=self.port, socket_timeout=10) as client:
            return client.execute_command(*command)

    def save(self):
        """Keep what there is now in its folder: that is what it starts with from now on."""
        self.say("SAVE")

    @staticmethod
    def caches_at(port):
        """What CACHES says to use it by that port."""
        backend = "django.core.cache.backends.redis.RedisCache"
        return {"default": {"BACKEND": backend, "LOCATION": f"redis://127.0.0.1:{port}"}}

    @property
    def caches(self):
        """What CACHES says to use it."""
        return self.caches_at(self.port)


class Line:
    """A line to a server that can be cut and mended: whoever connects here talks to the server."""

    def __init__(self, host, port):
        self.server = (host, int(port))
        self.port = free_port()
        self.ends = []
        self.mend()

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        """End all connections and refuse new ones, as a server that is away does."""
        for end in [self.listener, *self.ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.ends.clear()

    def _accept(self, listener):
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self.server)
                self.ends += [near, far]
                for pair in ((near, far), (far, near)):
                    Thread(target=self._forward, args=pair, daemon=True).start()

    @staticmethod
    def _forward(source, target):
        with suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


class File:
    """What a line is to a server, for SQLite: a file that is there or not."""

    def __init__(self):
        from django.db import connection

        self.connection, self.name = connection, connection.settings_dict["NAME"]

    def cut(self):
        self.connection.close()
        self.connection.settings_dict["NAME"] = f"{self.name}-gone/database"

    def mend(self):
        self.connection.settings_dict["NAME"] = self.name


class PostgreSQLServer:
    """A PostgreSQL with one database, in a folder and on a port of its own.

    Other hosts reach it at `addresses`.
    """

    def __init__(self, folder, *addresses):
        self.folder, self.port = Path(folder), free_port()
        self.initdb, self.pg_ctl = need_of_postgresql("initdb"), need_of_postgresql("pg_ctl")
        # It refuses to run as root.
        self.owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.owner:
            need("runuser")
            shutil.chown(self.folder, "postgres")
        self._run(self.initdb, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        settings = [
            f"port = {self.port}",
            f"listen_addresses = '{','.join(['127.0.0.1', *addresses])}'",
            f"unix_socket_directories = '{self.folder}'",
            "fsync = off",
        ]
        with (self.folder / "data" / "postgresql.conf").open("a") as config:
            config.write("\n".join(settings) + "\n")
        with (self.folder / "data" / "pg_hba.conf").open("a") as config:
            config.write("host all all samenet trust\n")
        self.start()

    def start(self):
        self._run(self.pg_ctl, "-w", "-l", str(self.folder / "log"), "start")

    def stop(self):
        """End it at once, as a crash does, with all connections."""
        self._run(self.pg_ctl, "-w", "-m", "immediate", "stop")

    def _run(self, program, *arguments):
        command = [*self.owner, program, "-D", str(self.folder / "data"), *arguments]
        # Not a pipe: the server that stays would keep it open.
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)


def need_of_postgresql(program):
    """Return where a program of PostgreSQL's server is, which few systems have in their path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    if pg_config := shutil.which("pg_config"):
        found = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True)
        places.append(Path(found.stdout.strip()) / program)
    there = [str(place) for place in places if place.exists()]
    return there[-1] if there else need(program)
