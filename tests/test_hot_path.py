"""Reading a good access token, which every request does, is arithmetic and nothing else."""

from __future__ import annotations

import builtins
import sys
import threading
from contextlib import contextmanager
from functools import cache

import jwt.algorithms
import pytest

from jwt_sessions import sessions
from jwt_sessions.keys import material
from jwt_sessions.keys.algorithms import ALGORITHMS
from jwt_sessions.keys.rotation import generate
from jwt_sessions.tokens import parse_access_token


class Watch:
    """What one thread does that Python audits (PEP 578): files, sockets, processes, modules."""

    def __init__(self):
        self.thread = None
        self.events = []

    def hear(self, event, args):
        if self.thread == threading.get_ident():
            self.events.append((event, *args))

    @contextmanager
    def watching(self):
        self.events = []
        self.thread = threading.get_ident()
        try:
            yield self.events
        finally:
            self.thread = None


@cache
def the_watch():
    """A hook stays for as long as the process does, so there is one, which mostly sleeps."""
    watch = Watch()
    sys.addaudithook(watch.hear)
    return watch


@pytest.fixture(params=["HS256", "RS256", "ES256", "EdDSA"])
def token(request, alice, set_jwt):
    """An access token, which has been read once."""
    key = {"key": generate(request.param), "algorithm": request.param}
    set_jwt(SIGNING_KEYS=[key])
    access = sessions.start(alice).access
    parse_access_token(access)
    return access


def test_reading_opens_no_file_and_loads_no_module(token):
    with the_watch().watching() as events:
        parse_access_token(token)
    assert events == []


def test_the_watch_is_awake(tmp_path):
    with the_watch().watching() as events, (tmp_path / "file").open("w"):
        pass
    assert [event[0] for event in events] == ["open"]


def test_reading_meets_no_import_statement_of_ours(token, monkeypatch):
    # One for a module that is loaded already costs time too, and no audit hook hears of it.
    # (cryptography has one of its own in whatever makes or verifies an ECDSA signature.)
    imported = []
    really_import = builtins.__import__

    def note_and_import(name, *args, **kwargs):
        importer = args[0]["__name__"] if args and args[0] else ""
        # Whoever asks the time in a test asks time_machine, which may import itself.
        if importer.startswith("jwt_sessions") and name != "time_machine":
            imported.append(name)
        return really_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", note_and_import)
    parse_access_token(token)
    assert imported == []


def test_reading_parses_no_key(token, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a key is parsed")

    loaders = ("load_pem_private_key", "load_pem_public_key", "load_ssh_public_key")
    for module in (material, jwt.algorithms):
        for loader in loaders:
            monkeypatch.setattr(module, loader, refuse)
    # What every key goes through, secrets and JWKs too; and PyJWT's own way.
    monkeypatch.setattr(material, "make_key", refuse)
    for implementation in {type(algorithm) for algorithm in ALGORITHMS.values()}:
        monkeypatch.setattr(implementation, "prepare_key", refuse)
    parse_access_token(token)


def test_reading_asks_no_database(token, django_assert_num_queries):
    with django_assert_num_queries(0):
        parse_access_token(token)
