"""Sources that answer late, wrongly or not at all, and what is no key and looks like one."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock

import pytest

from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys import get_keyring
from jwt_sessions.keys.loading import (
    FAILURE_INTERVAL,
    KeyringLoader,
    _own_loader,
    find_own_keys,
)
from tests.forging import signing_key
from tests.pems import new_pem

proves = pytest.mark.proves


@pytest.fixture
def directory(tmp_path, set_jwt):
    """An empty directory that SIGNING_KEYS names."""
    set_jwt(SIGNING_KEYS=[{"directory": tmp_path}])
    return tmp_path


class NoticedLock:
    """A lock that tells when somebody comes to it who has to wait."""

    def __init__(self):
        self.lock, self.somebody_waits = Lock(), Event()

    def acquire(self, *, blocking):
        if self.lock.locked():
            self.somebody_waits.set()
        return self.lock.acquire(blocking=blocking)

    def release(self):
        self.lock.release()


@proves("P8")
@pytest.mark.parametrize("answer", [new_pem, lambda: 1 / 0], ids=["keys", "failure"])
def test_p8_who_has_waited_for_a_slow_source_does_not_ask_it_again(clock, set_jwt, answer):
    calls, is_asked = [], Event()

    def source():
        calls.append(1)
        is_asked.set()
        assert loader._lock.somebody_waits.wait(60)
        clock.shift(3_600)
        return answer()

    set_jwt(SIGNING_KEYS=[{"callable": source}])
    loader = KeyringLoader(find_own_keys)
    loader._lock = NoticedLock()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(loader.get)
        assert is_asked.wait(60)
        second = pool.submit(loader.get)
        assert type(first.exception(60)) is type(second.exception(60))
    assert len(calls) == 1


@proves("P8")
def test_p8_a_source_that_takes_long_to_fail_is_not_asked_by_every_request(clock, set_jwt):
    calls = []

    def source():
        calls.append(1)
        clock.shift(3)
        raise OSError

    set_jwt(SIGNING_KEYS=[{"callable": source}])
    for number in (1, 1, 2):
        with pytest.raises(BadKey):
            get_keyring()
        assert len(calls) == number
        clock.shift(FAILURE_INTERVAL / 2)


@proves("K3")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_k3_a_process_forked_off_while_keys_are_read_reads_them_too(set_jwt, directory):
    (directory / "1.pem").write_text(new_pem())
    get_keyring()
    with _own_loader()._lock:
        child = os.fork()
        if not child:
            with suppress(BadKey):
                (directory / "2.pem").write_text(new_pem())
                os._exit(0 if signing_key().origin.endswith("2.pem") else 1)
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


@proves("K2")
def test_k2_a_key_whose_successor_is_taken_back_does_not_end(directory, clock):
    (directory / "20261101T000000Z.pem").write_text(new_pem())
    successor = directory / "20261123T110000Z.pem"
    successor.write_text(new_pem())
    get_keyring()
    successor.unlink()
    # What does not fit beside it keeps the directory from being read as a whole.
    (directory / "misplaced.secret").write_text("s" * 32)
    clock.shift(10)
    assert signing_key().ends_at is None
