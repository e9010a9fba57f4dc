"""The main job over real HTTP: the demo served as a process, a client on two devices."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def manage(*arguments, environment, **options):
    command = [sys.executable, "manage.py", *arguments]
    return {"args": command, "cwd": ROOT, "env": environment, **options}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment of a newcomer, with a database of its own."""
    database = tmp_path_factory.mktemp("demo") / "db.sqlite3"
    ours = {"DJANGO_SETTINGS_MODULE": "example_project.settings", "DEMO_DATABASE": str(database)}
    return {**os.environ, **ours, "PYTHONWARNINGS": "error", "THROTTLES": "on"}


@pytest.fixture(scope="module")
def seeded(environment):
    """What `make demo` does before it serves; returns what seed_demo printed, twice."""
    subprocess.run(**manage("migrate", "--verbosity=0", environment=environment), check=True)
    seed = manage("seed_demo", environment=environment, text=True, stdout=subprocess.PIPE)
    return [subprocess.run(**seed, check=True).stdout for _ in range(2)]


@pytest.fixture(scope="module")
def site(seeded, environment):
    """The address of the running demo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    server = subprocess.Popen(**manage("runserver", "--noreload", address, environment=environment))
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


@pytest.mark.proves("P1", "P3", "P4", "V1")
def test_sign_in_on_two_devices_refresh_replay_list_end_the_other_and_see_it_refused(site):
    phone, laptop = Browser(site, "okhttp/4.12.0"), Browser(site, "curl/8.5.0")
    for device in (phone, laptop):
        device.sign_in("alice", "alice-demo")
        status, me = device.send("GET", "/api/me/")
        assert (status, me["username"]) == (200, "alice")

    first = phone.refresh_token
    assert phone.refresh(first) == 200
    successor = phone.refresh_token
    assert phone.refresh(first) == 200, "a lost reply costs nothing"
    assert phone.refresh_token == successor

    _, page = phone.send("GET", "/api/auth/sessions/")
    devices = {row["device"]: row for row in page["results"][:2]}
    assert devices["okhttp"]["current"]
    other = devices["curl"]["id"]
    assert phone.send("DELETE", f"/api/auth/sessions/{other}/") == (204, None)
    status, answer = laptop.send("GET", "/api/me/")
    assert (status, answer["code"]) == (401, "token_not_valid")

    assert phone.refresh(successor) == 200
    assert phone.refresh(first) == 401, "two generations old: copied"
    assert phone.send("GET", "/api/me/")[0] == 401, "reuse ended the session"


def test_the_seed_prints_the_logins_and_changes_nothing_the_second_time(seeded, environment):
    assert seeded[0] == seeded[1]
    for name in ("admin", "alice", "bob", "carol"):
        assert f"{name}-demo" in seeded[0]
    count = "from jwt_sessions.models import Session as S; print(S.objects.count())"
    shell = manage("shell", "--verbosity=0", "-c", count, environment=environment, text=True)
    answer = subprocess.run(**shell, stdout=subprocess.PIPE, check=True)
    assert answer.stdout.strip() >= "40"


@pytest.mark.parametrize(
    ("path", "text"),
    [("/", "alice-demo"), ("/api/schema/", "/api/auth/token/"), ("/api/schema/ui/", "swagger")],
)
def test_the_pages_of_the_demo_are_there(site, path, text):
    with urllib.request.urlopen(site + path, timeout=10) as response:
        page = response.read().decode()
    assert text in page
    assert "<style" not in page
    assert "<script>" not in page


def test_throttles_can_be_turned_off_for_load_tests(environment):
    ask = "from jwt_sessions.conf import conf; print(any(conf.THROTTLE_RATES.values()))"
    answers = []
    for throttles in ("on", "off"):
        given = {**environment, "THROTTLES": throttles}
        shell = manage("shell", "--verbosity=0", "-c", ask, environment=given, text=True)
        answers.append(subprocess.run(**shell, stdout=subprocess.PIPE, check=True).stdout.strip())
    assert answers == ["True", "False"]
