"""Which key does what, when, and beside whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jwt_sessions.exceptions import BadKey, CannotSign
from jwt_sessions.keys import Keyring, KeyState, keyring
from jwt_sessions.keys.keyring import DuplicateKeys, MixedKeys
from jwt_sessions.keys.material import derive_key, parse_keys
from tests.keypairs import PRIVATE_KEYS, new_pem, private_pem, public_pem

proves = pytest.mark.proves

KEPT_FOR = 100


def key(signs_from=None, pem=None):
    return replace(*parse_keys(pem or new_pem()), signs_from=signs_from)


def ring_of(*keys):
    return Keyring(keys, kept_for=KEPT_FOR)


@pytest.fixture
def rotated():
    """A key that signs from 1000 on, and its successor, which signs from 2000 on."""
    return key(1_000), key(2_000)


@proves("K2")
@pytest.mark.parametrize(
    ("now", "old_state", "new_state"),
    [
        (1_000, "signing", "pending"),
        (1_999, "signing", "pending"),
        (2_000, "verify-only", "signing"),
        (2_099, "verify-only", "signing"),
        (2_100, "retired", "signing"),
    ],
)
def test_k2_the_clock_decides_what_a_key_does(rotated, now, old_state, new_state):
    ring = ring_of(*rotated)
    old, new = (ring.find(each.kid) for each in rotated)
    assert (ring.state_of(old, now), ring.state_of(new, now)) == (old_state, new_state)


@proves("K2")
def test_k2_the_newest_key_that_has_begun_signs(rotated):
    old, new = rotated
    ring = ring_of(old, new)
    assert ring.signing_key(1_999).kid == old.kid
    assert ring.signing_key(2_000).kid == new.kid


def test_before_any_key_has_begun_nobody_signs(rotated):
    with pytest.raises(CannotSign, match="no key signs"):
        ring_of(*rotated).signing_key(999)


def test_keys_without_times_sign_in_the_order_in_which_they_are_named():
    first, second = key(), key()
    ring = ring_of(first, second)
    assert ring.signing_key(0).kid == first.kid
    assert ring.state_of(ring.find(second.kid), 10**12) == KeyState.VERIFY_ONLY


def test_a_key_with_a_time_takes_over_from_one_without():
    old, new = key(), key(2_000)
    ring = ring_of(old, new)
    assert ring.signing_key(1_999).kid == old.kid
    assert ring.signing_key(2_000).kid == new.kid
    assert ring.find(old.kid).ends_at == 2_100


@proves("K2")
def test_k2_a_key_with_a_time_ends_all_without_one():
    first, second, third = key(), key(), key(2_000)
    ring = ring_of(first, second, third)
    assert [each.ends_at for each in ring.keys] == [None, 2_100, 2_100]


def test_a_public_key_replaces_none_that_signs():
    ours, theirs = key(1_000), key(2_000, public_pem(PRIVATE_KEYS["ES256"]))
    ring = ring_of(ours, theirs)
    assert ring.signing_key(3_000).kid == ours.kid
    assert ring.find(ours.kid).ends_at is None


@proves("K2")
def test_k2_public_keys_alone_follow_each_other_as_the_private_ones_do_elsewhere():
    old = key(1_000, public_pem(PRIVATE_KEYS["ES256"]))
    new = key(2_000, public_pem(PRIVATE_KEYS["EdDSA"]))
    ring = ring_of(old, new)
    assert ring.state_of(ring.find(old.kid), 2_099) == KeyState.VERIFY_ONLY
    assert ring.state_of(ring.find(old.kid), 2_100) == KeyState.RETIRED


@proves("K1")
def test_k1_one_key_named_twice_is_refused():
    twice = key()
    with pytest.raises(DuplicateKeys, match=twice.kid):
        ring_of(twice, twice)


@proves("S5")
def test_s5_secrets_and_key_pairs_do_not_mix():
    with pytest.raises(MixedKeys):
        ring_of(key(), derive_key("a secret key"))


def test_a_ring_without_keys_is_none():
    with pytest.raises(BadKey, match="there is no key"):
        ring_of()


@pytest.mark.parametrize("algorithm", PRIVATE_KEYS)
def test_a_verify_only_ring_cannot_sign(algorithm):
    private = PRIVATE_KEYS[algorithm]
    signature = key(pem=private_pem(private)).sign(b"message")
    public = key(pem=public_pem(private))
    assert public.is_signature(signature, b"message")
    with pytest.raises(CannotSign, match="is a public key"):
        public.sign(b"message")
    with pytest.raises(CannotSign):
        ring_of(public).signing_key(0)


@pytest.mark.parametrize("algorithm", PRIVATE_KEYS)
def test_nothing_that_a_public_key_refers_to_is_private(algorithm):
    public = key(pem=public_pem(PRIVATE_KEYS[algorithm]))
    kept = [cell.cell_contents for cell in public._verify.__closure__]
    assert not any(hasattr(each, "private_bytes") for each in kept)


def test_the_header_of_a_key_is_spelled_once(monkeypatch):
    ring = ring_of(key())
    segment = keyring.header_of(ring.keys[0], "at+jwt")
    ring.find_by_header(segment, "at+jwt")
    monkeypatch.delattr(keyring, "header_of")
    assert ring.find_by_header(segment, "at+jwt") is ring.keys[0]


@proves("K1")
def test_k1_a_jwks_tells_of_each_public_key_what_it_is_for(rotated):
    ring = ring_of(*rotated)
    for jwk in ring.jwks(1_000)["keys"]:
        assert jwk["use"] == "sig"
        assert jwk["alg"] == "ES256"
        assert ring.find(jwk["kid"])
        assert jwk.keys() == {"kty", "crv", "x", "y", "use", "alg", "kid"}


@proves("K1", "K2")
@pytest.mark.parametrize(("now", "number"), [(1_000, 2), (2_099, 2), (2_100, 1)])
def test_k2_a_key_is_published_before_it_signs_and_until_it_is_retired(rotated, now, number):
    assert len(ring_of(*rotated).jwks(now)["keys"]) == number


@proves("K1")
def test_k1_a_secret_is_never_published():
    assert ring_of(derive_key("a secret key")).jwks(0) == {"keys": []}
