"""K2: whatever happens to the keys of a directory, nobody who uses the site notices."""

from __future__ import annotations

import json
import random
import subprocess
import time
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from threading import Event

import jwt
import pytest

from jwt_sessions.keys.directory import read_directory
from tests.forging import forge
from tests.people import claims_of
from tests.serving import Browser, newcomer, seed, serve, signing_keys

pytestmark = [
    pytest.mark.once,
    pytest.mark.xdist_group("rotation"),
    pytest.mark.proves("K2", "P13"),
]

TIMES = {
    "ACCESS_TOKEN_LIFETIME": 3,
    "REFRESH_TOKEN_LIFETIME": 3,
    "KEY_RELOAD_INTERVAL": 1,
    "JWKS_MAX_AGE": 1,
    "LEEWAY": 0,
}
# Seconds for which each caller uses its tokens before it refreshes them.
HABITS = (0, 0, 0.5, 1)
PAUSE = 0.02  # seconds between two requests of one caller
PATIENCE = 30  # seconds, for what does not come any more


@pytest.fixture(autouse=True)
def clock():
    """The real one: the servers know no other."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The environment of the demo with people in it."""
    folder = tmp_path_factory.mktemp("demo")
    environment = newcomer(
        folder,
        DJANGO_SETTINGS_MODULE="tests.demo_settings",
        DEMO_TIMES=json.dumps(TIMES),
        THROTTLES="off",
    )
    seed(environment)
    return environment


@pytest.fixture
def environment(demo, tmp_path):
    """The same with one key in a directory of this test's own."""
    environment = {**demo, "DEMO_KEYS": str(tmp_path / "keys")}
    run("create", "--algorithm", "ES256", environment=environment)
    return environment


@pytest.fixture(params=[1, 2], ids=["one server", "two servers"])
def sites(request, environment):
    """The addresses of servers that share the database and the directory."""
    with ExitStack() as servers:
        yield [servers.enter_context(serve(environment)) for _ in range(request.param)]


def run(*arguments, environment):
    """Run `signingkeys`; return what it said."""
    command = signing_keys(*arguments, environment=environment)
    return subprocess.run(**command, check=True).stdout


def keys_in(environment):
    return {key.kid: key for key in read_directory(Path(environment["DEMO_KEYS"])).keys}


def fetch_jwks(site):
    """Return the published keys, and for how many seconds they may be kept."""
    with urllib.request.urlopen(f"{site}/.well-known/jwks.json", timeout=10) as response:
        keys = jwt.PyJWKSet.from_json(response.read().decode())
        return keys, int(response.headers["Cache-Control"].rpartition("max-age=")[2])


class Verifier:
    """Another service: it fetches the JWKS when it must, and keeps it for as long as it may."""

    def __init__(self, sites):
        self.sites = sites
        self.good_until = 0.0
        # Each asks at moments of its own.
        self.share = random.random()

    def verify(self, token):
        asked_at = time.monotonic()
        if asked_at >= self.good_until:
            self.keys, max_age = fetch_jwks(next(self.sites))
            self.good_until = asked_at + max_age * self.share
            self.share = 1
        key = self.keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, algorithms=[key.algorithm_name], options={"verify_aud": False})


class Caller:
    """A client on its own device, which goes from server to server and notes what fails."""

    def __init__(self, sites, habit):
        self.sites, self.habit = cycle(sites), habit
        self.browser = Browser(next(self.sites), "okhttp/4.12.0")
        self.verifier = Verifier(self.sites)
        self.kids, self.failures, self.refreshes = [], [], 0

    def run(self, has_ended):
        self.sign_in()
        while not has_ended.is_set():
            begin = time.monotonic()
            self.use(has_ended)
            while time.monotonic() < begin + self.habit:
                self.use(has_ended)
            self.refresh()

    def sign_in(self):
        self.browser.sign_in("alice", "alice-demo")
        self.note_kid()

    def use(self, has_ended):
        has_ended.wait(PAUSE)
        self.browser.site = next(self.sites)
        token = self.browser.access
        self.judge(token, *self.browser.send("GET", "/api/me/"))
        try:
            self.verifier.verify(token)
        except (jwt.PyJWTError, KeyError) as error:
            self.judge(token, "verifier", repr(error))

    def refresh(self):
        self.browser.site = next(self.sites)
        token = self.browser.refresh_token
        status = self.browser.refresh(token)
        self.refreshes += 1
        self.judge(token, status, "refresh")
        if status != 200:
            self.sign_in()
        self.note_kid()

    def judge(self, token, status, answer):
        # A machine that stood still for seconds has let it expire: that is no failure of the keys.
        if status != 200 and time.time() < claims_of(token)["exp"]:
            self.failures.append((time.time(), jwt.get_unverified_header(token), status, answer))

    def note_kid(self):
        kids = {jwt.get_unverified_header(self.browser.access)["kid"]}
        kids.add(jwt.get_unverified_header(self.browser.refresh_token)["kid"])
        self.kids += kids - set(self.kids[-1:])


class Callers:
    """All of them, each in a thread of its own."""

    def __init__(self, sites):
        self.each = [Caller(sites, habit) for habit in HABITS]
        self.have_ended = Event()

    def __enter__(self):
        self.pool = ThreadPoolExecutor(len(self.each))
        self.runs = [self.pool.submit(caller.run, self.have_ended) for caller in self.each]
        return self

    def __exit__(self, *error):
        self.have_ended.set()
        self.pool.shutdown()
        self.raise_what_ended()

    def wait_until(self, condition):
        """Wait for a condition, while all of them are at work."""
        for _ in range(int(PATIENCE / PAUSE)):
            if condition():
                return
            self.raise_what_ended()
            time.sleep(PAUSE)
        pytest.fail("what was waited for did not come")

    def raise_what_ended(self):
        for ended in filter(Future.done, self.runs):
            ended.result()

    def wait_for_kid(self, kid):
        self.wait_until(lambda: all(caller.kids[-1:] == [kid] for caller in self.each))

    def wait_for_refreshes(self, number):
        goals = [caller.refreshes + number for caller in self.each]
        self.wait_until(
            lambda: all(
                caller.refreshes >= goal for caller, goal in zip(self.each, goals, strict=True)
            )
        )


def rotate_twice_at_once(algorithm, environment):
    """Let two hosts rotate at the same time; return what they said."""
    command = signing_keys("rotate", "--algorithm", algorithm, environment=environment)
    rotations = [subprocess.Popen(**command) for _ in range(2)]
    said = [rotation.communicate(timeout=PATIENCE)[0] for rotation in rotations]
    assert [rotation.returncode for rotation in rotations] == [0, 0]
    return said


def forge_pair(site, key):
    """Return a new pair of tokens as `key` would have signed it."""
    browser = Browser(site, "curl/8.5.0")
    browser.sign_in("alice", "alice-demo")
    header = {"kid": key.kid, "alg": key.algorithm}
    return [
        forge(token, header=header, key=key) for token in (browser.access, browser.refresh_token)
    ]


def present(site, access, refresh_token):
    """Present both tokens; return the answers."""
    browser = Browser(site, "curl/8.5.0")
    browser.access = access
    return browser.send("GET", "/api/me/")[0], browser.refresh(refresh_token)


def test_k2_keys_come_and_go_without_a_failed_request_and_what_is_retired_is_refused(
    sites, environment
):
    made = keys_in(environment)
    with Callers(sites) as callers:
        callers.wait_for_kid(*made)
        for algorithm in ("ES256", "EdDSA", "EdDSA"):
            said = rotate_twice_at_once(algorithm, environment)
            (kid,) = keys_in(environment).keys() - made.keys()
            assert sorted(text.split()[0] for text in said) == ["Made", "Nothing"]
            made |= keys_in(environment)
            callers.wait_for_kid(kid)
        callers.wait_until(lambda: all(len(fetch_jwks(site)[0].keys) == 1 for site in sites))
        run("retire", environment=environment)
        assert list(keys_in(environment)) == [kid]
        callers.wait_for_refreshes(1)
    for caller in callers.each:
        assert caller.failures == []
        assert caller.kids == list(made)
    *retired, newest = made.values()
    for site in sites:
        for key in retired:
            assert present(site, *forge_pair(site, key)) == (401, 401)
        assert present(site, *forge_pair(site, newest)) == (200, 200)
