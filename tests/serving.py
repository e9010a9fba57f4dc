"""The demo as a process, as `make demo` runs it, and a client of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def newcomer(folder, **variables):
    """The environment of a newcomer, with a database and keys in `folder`."""
    ours = {
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "DEMO_DATABASE": str(folder / "db.sqlite3"),
        "DEMO_KEYS": str(folder / "keys"),
        "PYTHONWARNINGS": "error",
    }
    return {**os.environ, **ours, **variables}


def manage(*arguments, environment, **options):
    command = [sys.executable, "manage.py", *arguments]
    return {"args": command, "cwd": ROOT, "env": environment, **options}


def seed(environment):
    """Do what `make demo` does before it serves; return what seed_demo printed."""
    subprocess.run(**manage("migrate", "--verbosity=0", environment=environment), check=True)
    command = manage("seed_demo", environment=environment, text=True, stdout=subprocess.PIPE)
    return subprocess.run(**command, check=True).stdout


def shell(code, environment):
    """Run Python in a process of the site's own; return what it printed."""
    command = manage("shell", "--verbosity=0", "-c", code, environment=environment, text=True)
    return subprocess.run(**command, stdout=subprocess.PIPE, check=True).stdout.strip()


def signing_keys(*arguments, environment, **options):
    """What runs `manage.py signingkeys` on the directory of the environment."""
    directory = ("--directory", environment["DEMO_KEYS"])
    command = ("signingkeys", *arguments, *directory)
    return manage(*command, environment=environment, text=True, stdout=subprocess.PIPE, **options)


@contextmanager
def serve(environment, *options):
    """Run the demo on a free port, with options of runserver; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = ("runserver", "--noreload", *options, address)
    server = subprocess.Popen(**manage(*command, environment=environment))
    try:
        wait_for(f"http://{address}/", server)
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def wait_for(address, server):
    for _ in range(600):
        assert server.poll() is None, "the demo server ended"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail("the demo server did not answer within a minute")


class Browser:
    """Knows HTTP and the contract, nothing of Django."""

    def __init__(self, site, agent):
        self.site, self.agent = site, agent
        self.access = None

    def send(self, method, path, body=None):
        headers = {"User-Agent": self.agent}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.access:
            headers["Authorization"] = f"Bearer {self.access}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.site + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or "null")

    def sign_in(self, username, password):
        body = {"username": username, "password": password}
        status, pair = self.send("POST", "/api/auth/token/", body)
        assert status == 200
        self.access, self.refresh_token = pair["access"], pair["refresh"]

    def refresh(self, token):
        status, pair = self.send("POST", "/api/auth/token/refresh/", {"refresh": token})
        if status == 200:
            self.access, self.refresh_token = pair["access"], pair["refresh"]
        return status
