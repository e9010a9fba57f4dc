"""The main job over real HTTP: the demo served as a process, a client on two devices."""

from __future__ import annotations

import subprocess
import urllib.request

import pyotp
import pytest

from tests.people import claims_of
from tests.serving import Browser, manage, newcomer, seed, serve


@pytest.fixture(autouse=True)
def clock():
    """The real one: the demo, a process of its own, knows no other."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment of a newcomer, with a database of its own."""
    return newcomer(tmp_path_factory.mktemp("demo"), THROTTLES="on")


@pytest.fixture(scope="module")
def seeded(environment):
    """What seed_demo printed, run twice."""
    return [seed(environment) for _ in range(2)]


@pytest.fixture(scope="module")
def site(seeded, environment):
    """The address of the running demo."""
    with serve(environment) as address:
        yield address


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
    # ECDSA signs differently each time, so that only what is said is the same.
    assert claims_of(phone.refresh_token) == claims_of(successor)

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


@pytest.mark.proves("P9", "M10")
def test_who_must_have_a_second_factor_sets_it_up_and_signs_in_with_it(site):
    phone = Browser(site, "okhttp/4.12.0")
    phone.sign_in("dave", "dave-demo")
    assert phone.send("GET", "/api/me/")[1]["code"] == "mfa_enrollment_required"

    _, begun = phone.send("POST", "/api/auth/mfa/totp/", {})
    code = pyotp.parse_uri(begun["otpauth_uri"]).now()
    path = f"/api/auth/mfa/totp/{begun['id']}/confirm/"
    _, confirmed = phone.send("POST", path, {"code": code})
    phone.access = confirmed["access"]
    assert phone.send("GET", "/api/me/")[0] == 200
    _, renewed = phone.send("POST", "/api/auth/mfa/recovery-codes/", {})

    login = {"username": "dave", "password": "dave-demo"}
    status, asked = phone.send("POST", "/api/auth/token/", login)
    assert (status, asked["methods"]) == (401, ["totp", "recovery_code"])
    answers = [
        phone.send("POST", "/api/auth/token/mfa/", {"mfa_token": asked["mfa_token"], "code": code})
        for code in (confirmed["recovery_codes"][0], code, renewed["recovery_codes"][0])
    ]
    assert [status for status, _ in answers] == [401, 401, 200]
    assert answers[-1][1]["recovery_codes_remaining"] == 9


@pytest.mark.proves("M1")
def test_bobs_code_can_be_had_and_works_once(site, environment):
    shell = manage("current_code", "bob", environment=environment, text=True)
    code = subprocess.run(**shell, stdout=subprocess.PIPE, check=True).stdout.strip()
    laptop = Browser(site, "curl/8.5.0")
    login = {"username": "bob", "password": "bob-demo"}
    _, asked = laptop.send("POST", "/api/auth/token/", login)
    body = {"mfa_token": asked["mfa_token"], "code": code}
    status, tokens = laptop.send("POST", "/api/auth/token/mfa/", body)
    laptop.access = tokens["access"]
    assert laptop.send("POST", "/api/delete-everything/", {})[0] == status == 200
    _, asked = laptop.send("POST", "/api/auth/token/", login)
    body["mfa_token"] = asked["mfa_token"]
    assert laptop.send("POST", "/api/auth/token/mfa/", body)[1]["code"] == "invalid_code"


def test_the_seed_prints_the_logins_and_changes_nothing_the_second_time(seeded, environment):
    assert seeded[0] == seeded[1]
    for name in ("admin", "alice", "bob", "carol", "dave"):
        assert f"{name}-demo" in seeded[0]
    count = "from jwt_sessions.models import Session as S; print(S.objects.count())"
    shell = manage("shell", "--verbosity=0", "-c", count, environment=environment, text=True)
    answer = subprocess.run(**shell, stdout=subprocess.PIPE, check=True)
    assert answer.stdout.strip() >= "40"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "alice-demo"),
        ("/client/", "alice-demo"),
        ("/terminal/", "alice-demo"),
        ("/api/schema/", "/api/auth/token/"),
        ("/api/schema/ui/", "swagger"),
        ("/.well-known/jwks.json", '"alg": "ES256"'),
    ],
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
