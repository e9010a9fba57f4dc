"""A stranger's library, which has our JWKS and nothing else of us, verifies our access tokens."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import NamedTuple

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt
import pytest

from example_project.settings import JWT_SESSIONS
from jwt_sessions.claims import decode_segment, encode_segment
from tests.servers import do_without, need
from tests.serving import ROOT, Browser, newcomer, seed, serve, signing_keys

pytestmark = [
    pytest.mark.once,
    pytest.mark.xdist_group("strangers"),
    # joserfc would rather read Ed25519 (RFC 9864), a name that PyJWT does not know yet.
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),
]

ISSUER = JWT_SESSIONS["ISSUER"]
ALGORITHMS = ("RS256", "ES256", "EdDSA")
PUBLIC_MEMBERS = {
    "RS256": {"kty", "n", "e"},
    "ES256": {"kty", "crv", "x", "y"},
    "EdDSA": {"kty", "crv", "x"},
}

# The last one that Node 18 runs, too, which some distributions still ship.
JOSE = "5.10.0"
INTEGRITY = (
    "sha512-s+3Al/p9g32Iq+oqXxkW//7jk2Vig6FF1CFqzVXoTUXt2qz89Y"
    "WbL+OwS17NFYEvxC35n0FKeGO2LGYSxeM2Gg=="
)


class Site(NamedTuple):
    """The running demo, as its client and a stranger know it."""

    address: str
    algorithm: str

    @property
    def jwks_url(self):
        return f"{self.address}/.well-known/jwks.json"

    def fetch_jwks(self):
        with urllib.request.urlopen(self.jwks_url, timeout=10) as response:
            return json.load(response)

    def sign_in(self):
        browser = Browser(self.address, "okhttp/4.12.0")
        browser.sign_in("alice", "alice-demo")
        return browser


@pytest.fixture(autouse=True)
def clock():
    """The real one: the server and the strangers know no other."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment of the demo with people in it; the keys are each test's own."""
    folder = tmp_path_factory.mktemp("demo")
    environment = newcomer(folder, DJANGO_SETTINGS_MODULE="tests.demo_settings", THROTTLES="off")
    seed(environment)
    return environment


@contextmanager
def sign_with(algorithm, environment, folder):
    """Run the demo with one key for an algorithm."""
    environment = {**environment, "DEMO_KEYS": str(folder / algorithm)}
    create = signing_keys("create", "--algorithm", algorithm, environment=environment)
    subprocess.run(**create, check=True)
    with serve(environment) as address:
        yield Site(address, algorithm)


@pytest.fixture(scope="module", params=ALGORITHMS)
def site(request, environment, tmp_path_factory):
    with sign_with(request.param, environment, tmp_path_factory.mktemp("keys")) as site:
        yield site


@pytest.fixture(scope="module")
def jose(tmp_path_factory):
    """The program that asks jose, with jose beside it."""
    npm, _ = need("npm"), need("node")
    folder = tmp_path_factory.mktemp("jose")
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
    command = [npm, "install", *quiet, f"jose@{JOSE}"]
    pipe = subprocess.PIPE
    try:
        subprocess.run(
            command, cwd=folder, check=True, timeout=120, text=True, stdout=pipe, stderr=pipe
        )
    except subprocess.SubprocessError as error:
        do_without(f"npm does not install jose: {error.stderr or error}")
    lock = json.loads((folder / "node_modules" / ".package-lock.json").read_text())
    assert lock["packages"]["node_modules/jose"]["integrity"] == INTEGRITY
    return shutil.copy(ROOT / "tests" / "verify_with_jose.mjs", folder)


def ask_pyjwt(site, token):
    try:
        key = jwt.PyJWKClient(site.jwks_url).get_signing_key_from_jwt(token)
        rules = {"algorithms": [site.algorithm], "issuer": ISSUER, "audience": ISSUER}
        read = jwt.decode_complete(token, key, **rules)
    except jwt.PyJWTError as error:
        return {"reason": type(error).__name__}
    return judge_typ(read["header"], read["payload"])


def ask_joserfc(site, token):
    keys = joserfc.jwk.KeySet.import_key_set(site.fetch_jwks())
    wanted = {"essential": True, "value": ISSUER}
    try:
        read = joserfc.jwt.decode(token, keys, algorithms=[site.algorithm])
        joserfc.jwt.JWTClaimsRegistry(iss=wanted, aud=wanted).validate(read.claims)
    except joserfc.errors.JoseError as error:
        return {"reason": error.error}
    return judge_typ(read.header, read.claims)


def judge_typ(header, claims):
    """Do by hand what PyJWT and joserfc leave to their callers (RFC 9068 section 4)."""
    return {"claims": claims} if header["typ"] == "at+jwt" else {"reason": "typ"}


def ask_jose(site, token, program):
    command = [need("node"), program, site.jwks_url, ISSUER, site.algorithm]
    given = json.dumps([token])
    run = subprocess.run(command, input=given, text=True, stdout=subprocess.PIPE, check=True)
    (answer,) = json.loads(run.stdout)
    return answer


class Stranger(NamedTuple):
    ask: object
    bad_signature: str


@pytest.fixture(params=["PyJWT", "joserfc", "jose"])
def stranger(request, site):
    """One who verifies with a library, and what that says of a bad signature."""
    if request.param == "PyJWT":
        return Stranger(lambda token: ask_pyjwt(site, token), "InvalidSignatureError")
    if request.param == "joserfc":
        return Stranger(lambda token: ask_joserfc(site, token), "bad_signature")
    program = request.getfixturevalue("jose")
    failed = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    return Stranger(lambda token: ask_jose(site, token, program), failed)


def change_subject(token):
    """Make it somebody else's by one byte, so that it is JSON still and only not signed."""
    header, payload, signature = token.split(".")
    data = bytearray(decode_segment(payload))
    data[data.index(b'"sub":"') + len(b'"sub":"')] ^= 1
    return f"{header}.{encode_segment(bytes(data))}.{signature}"


def change_signature(token):
    """Change one bit in the middle, which is none of those that base64url leaves unused."""
    message, _, signature = token.rpartition(".")
    data = bytearray(decode_segment(signature))
    data[len(data) // 2] ^= 1
    return f"{message}.{encode_segment(bytes(data))}"


@pytest.mark.proves("K1")
def test_a_strangers_library_accepts_our_access_token(site, stranger):
    browser = site.sign_in()
    claims = stranger.ask(browser.access)["claims"]
    _, me = browser.send("GET", "/api/me/")
    assert (claims["sid"], claims["iss"], claims["aud"]) == (me["session"], ISSUER, ISSUER)


@pytest.mark.parametrize("change", [change_subject, change_signature])
def test_a_strangers_library_refuses_it_with_one_byte_changed(site, stranger, change):
    token = site.sign_in().access
    assert stranger.ask(change(token)) == {"reason": stranger.bad_signature}


def test_a_stranger_takes_no_refresh_token_for_an_access_token(site, stranger):
    assert "claims" not in stranger.ask(site.sign_in().refresh_token)


def test_a_stranger_finds_public_parts_only(site):
    (key,) = site.fetch_jwks()["keys"]
    assert key.keys() == PUBLIC_MEMBERS[site.algorithm] | {"alg", "kid", "use"}
    assert (key["alg"], key["use"]) == (site.algorithm, "sig")


def test_a_stranger_finds_no_key_where_a_secret_signs(environment, tmp_path):
    with sign_with("HS256", environment, tmp_path) as site:
        assert jwt.get_unverified_header(site.sign_in().access)["alg"] == "HS256"
        assert site.fetch_jwks() == {"keys": []}
