"""Running processes keep up with their keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from jwt_sessions import sessions
from jwt_sessions.exceptions import BadKey, InvalidToken
from jwt_sessions.keys import get_keyring
from jwt_sessions.keys.loading import UNKNOWN_KEY_INTERVAL
from jwt_sessions.keys.material import parse_keys
from jwt_sessions.tokens import parse_access_token
from tests.forging import forge, reason, signing_key
from tests.keypairs import PRIVATE_KEYS, new_pem, private_pem

proves = pytest.mark.proves

ES256 = private_pem(PRIVATE_KEYS["ES256"])


@pytest.fixture
def elsewhere(set_jwt):
    """Keys that SIGNING_KEYS finds elsewhere, and which change while the process runs."""
    keys = [ES256]
    set_jwt(SIGNING_KEYS=[{"callable": lambda: keys}])
    return keys


def test_keys_are_looked_for_again_after_the_interval(clock, elsewhere):
    before = signing_key().kid
    elsewhere[:] = [new_pem()]
    clock.shift(9)
    assert signing_key().kid == before
    clock.shift(1)
    assert signing_key().kid != before


@proves("K3")
def test_k3_tokens_of_a_removed_key_end_within_the_interval(alice, clock, elsewhere):
    access = sessions.start(alice).access
    elsewhere[:] = [new_pem()]
    clock.shift(10)
    with pytest.raises(InvalidToken, match="unknown_kid"):
        parse_access_token(access)


def test_a_key_that_is_not_known_yet_is_looked_for(alice, clock, elsewhere):
    new = new_pem()
    access = sessions.start(alice).access
    elsewhere.append(new)
    signed_elsewhere = forge(access, header={"kid": parse_keys(new)[0].kid}, key=parse_keys(new)[0])
    assert reason(signed_elsewhere) == "unknown_kid"
    clock.shift(UNKNOWN_KEY_INTERVAL)
    assert parse_access_token(signed_elsewhere)


def test_unknown_keys_have_the_keys_read_no_more_often_than_said(alice, clock, set_jwt):
    reads = []
    set_jwt(SIGNING_KEYS=[{"callable": lambda: reads.append(1) or ES256}])
    access = sessions.start(alice).access
    for _ in range(3):
        clock.shift(UNKNOWN_KEY_INTERVAL)
        for number in range(5):
            assert reason(forge(access, header={"kid": str(number)})) == "unknown_kid"
    assert len(reads) == 4


def test_a_clock_that_is_put_back_has_the_keys_read_again(clock, set_jwt):
    reads = []
    set_jwt(SIGNING_KEYS=[{"callable": lambda: reads.append(1) or ES256}])
    get_keyring()
    clock.shift(-3_600)
    get_keyring()
    assert len(reads) == 2


def test_keys_that_can_no_longer_be_read_go_on_serving(clock, caplog, elsewhere):
    before = signing_key()
    elsewhere[:] = [7]
    clock.shift(10)
    assert signing_key() is before
    assert "the keys cannot be read" in caplog.text


def test_while_one_thread_reads_the_keys_the_others_go_on_with_those_of_before(clock, set_jwt):
    reads, others = [], []

    def read_slowly():
        reads.append(1)
        if len(reads) == 2:
            with ThreadPoolExecutor(1) as another:
                others.append(another.submit(get_keyring).result(timeout=10))
        return ES256 if len(reads) == 1 else new_pem()

    set_jwt(SIGNING_KEYS=[{"callable": read_slowly}])
    before = get_keyring()
    clock.shift(10)
    assert get_keyring() is not before
    assert (others, len(reads)) == ([before], 2)


@proves("P8")
def test_p8_keys_that_never_could_be_read_let_nobody_in(clock, elsewhere):
    elsewhere[:] = ["no key"]
    with pytest.raises(BadKey):
        get_keyring()
    elsewhere[:] = [ES256]
    with pytest.raises(BadKey):
        get_keyring()
    clock.shift(1)
    assert get_keyring()
