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
# How many seconds its tokens have to live when a caller refreshes them: from at once to at last.
HABITS = (3, 3, 1, 0.3)
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


def seconds_left(token):
    return claims_of(token)["exp"] - time.time()


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
        self.kids, self.failures = [], []

    def run(self, has_ended):
        self.sign_in()
        while not has_ended.is_set():
            self.use(has_ended)
            while seconds_left(self.browser.access) > self.habit:
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
        self.judge(token, status, "refresh")
        if status != 200:
            self.sign_in()
        self.note_kid()

    def judge(self, token, status, answer):
        # A machine that stood still for seconds has let it expire: that is no failure of the keys.
        if status != 200 and seconds_left(token) > 0:
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
        self.complain()

    def complain(self):
        assert [failure for caller in self.each for failure in caller.failures] == []
        for ended in filter(Future.done, self.runs):
            ended.result()

    def wait_until(self, condition):
        """Wait for a condition, while all of them are at work."""
        for _ in range(int(PATIENCE / PAUSE)):
            self.complain()
            if condition():
                return
            time.sleep(PAUSE)
        pytest.fail("what was waited for did not come")

    def wait_for_kid(self, kid, who):
        """Wait until any or all of them have tokens of that key."""
        self.wait_until(lambda: who(kid in caller.kids for caller in self.each))


def rotate_twice_at_once(algorithm, environment):
    """Let two hosts rotate at the same time; return what they said."""
    command = signing_keys("rotate", "--algorithm", algorithm, environment=environment)
    rotations = [subprocess.Popen(**command) for _ in range(2)]
    said = [rotation.communicate(timeout=PATIENCE)[0] for rotation in rotations]
    assert [rotation.returncode for rotation in rotations] == [0, 0]
    return said


def present_forged(key, site):
    """Present new tokens as `key` would have signed them; return the answers."""
    browser = Browser(site, "curl/8.5.0")
    browser.sign_in("alice", "alice-demo")
    header = {"kid": key.kid, "alg": key.algorithm}
    browser.access = forge(browser.access, header=header, key=key)
    refresh_token = forge(browser.refresh_token, header=header, key=key)
    return browser.send("GET", "/api/me/")[0], browser.refresh(refresh_token)


def accepted(keys, sites):
    """Return the ids of those keys whose tokens are accepted, which all sites must agree on."""
    answers = {key.kid: {present_forged(key, site) for site in sites} for key in keys.values()}
    assert all(answer in ({(200, 200)}, {(401, 401)}) for answer in answers.values()), answers
    return [kid for kid, answer in answers.items() if answer == {(200, 200)}]


def test_k2_keys_come_and_go_without_a_failed_request_and_what_is_retired_is_refused(
    sites, environment
):
    made = keys_in(environment)
    with Callers(sites) as callers:
        callers.wait_for_kid(*made, who=all)
        for algorithm in ("ES256", "EdDSA", "EdDSA"):
            said = rotate_twice_at_once(algorithm, environment)
            (kid,) = keys_in(environment).keys() - made.keys()
            assert sorted(text.split()[0] for text in said) == ["Made", "Nothing"]
            made |= keys_in(environment)
            callers.wait_for_kid(kid, who=any)
        callers.wait_until(lambda: all(len(fetch_jwks(site)[0].keys) == 1 for site in sites))
        assert accepted(made, sites) == [kid], "retired by the clock"
        run("retire", environment=environment)
        assert list(keys_in(environment)) == [kid]
        callers.wait_for_kid(kid, who=all)
    assert accepted(made, sites) == [kid], "retired for good"
    for caller in callers.each:
        assert caller.kids == list(made)
