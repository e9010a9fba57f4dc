"""What a stolen database tells: nothing, without the keys that are not in it."""

from __future__ import annotations

import pytest

from jwt_sessions.encryption import Encrypted, all_keys, decrypt, encrypt, hash_code, is_code
from jwt_sessions.exceptions import BadKey
from jwt_sessions.models import EncryptedTOTP
from tests.authenticators import enroll, sign_in_by

proves = pytest.mark.proves

OLD, NEW = "an-old-key-that-is-long-enough-" * 2, "a-new-key-that-is-long-enough-" * 2
SECRET = b"twenty bytes of them"


def bent(encrypted):
    """The same text with one thing changed."""
    text = encrypted.text
    other = "B" if text[20] == "A" else "A"
    yield "one letter", text[:20] + other + text[21:]
    yield "cut", text[:-2]
    yield "nonce only", text[:16]
    yield "nothing", ""
    yield "no base64url", "=" + text[1:]
    yield "not ascii", "\u00e9" + text[1:]
    yield "longer", text + "AAAA"


BENT = [name for name, _ in bent(Encrypted("", "A" * 60))]


def test_a_secret_comes_back_to_its_owner():
    assert decrypt(encrypt(SECRET, owner="totp 1 1"), owner="totp 1 1") == SECRET


def test_one_secret_is_never_stored_alike_twice():
    assert encrypt(SECRET, owner="x").text != encrypt(SECRET, owner="x").text


@proves("M3")
@pytest.mark.parametrize("owner", ["totp 1 2", "totp 2 1", "totp 11", "message 1 1", ""])
def test_m3_a_secret_is_its_owners_alone(owner):
    with pytest.raises(BadKey, match="another person's"):
        decrypt(encrypt(SECRET, owner="totp 1 1"), owner=owner)


@pytest.mark.parametrize("name", BENT)
def test_a_damaged_secret_is_none(name):
    encrypted = encrypt(SECRET, owner="x")
    damaged = Encrypted(encrypted.key_id, dict(bent(encrypted))[name])
    with pytest.raises(BadKey, match="damaged"):
        decrypt(damaged, owner="x")


@pytest.mark.parametrize("key_id", ["", "00000000", "\u00e9", "x" * 16])
def test_a_secret_of_a_key_that_is_gone_says_which(key_id):
    with pytest.raises(BadKey, match="has the id"):
        decrypt(Encrypted(key_id, encrypt(SECRET, owner="x").text), owner="x")


def test_the_newest_key_encrypts_and_all_decrypt(set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    before = encrypt(SECRET, owner="x")
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    after = encrypt(SECRET, owner="x")
    assert [key.id for key in all_keys()] == [after.key_id, before.key_id]
    assert decrypt(before, owner="x") == decrypt(after, owner="x") == SECRET


def test_a_key_that_is_gone_opens_nothing(set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    before = encrypt(SECRET, owner="x")
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW])
    with pytest.raises(BadKey, match=before.key_id):
        decrypt(before, owner="x")


@pytest.mark.parametrize("keys", [OLD, OLD.encode(), [OLD.encode()], (OLD, NEW)])
def test_a_key_is_text_or_bytes_alone_or_in_a_list(set_jwt, keys):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    before = encrypt(SECRET, owner="x")
    set_jwt(MFA_ENCRYPTION_KEYS=keys)
    assert decrypt(before, owner="x") == SECRET


@proves("P13")
def test_p13_without_keys_secret_key_and_its_fallbacks_serve(settings):
    settings.SECRET_KEY = OLD
    before = encrypt(SECRET, owner="x")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert decrypt(before, owner="x") == SECRET


@proves("P13")
def test_p13_keys_of_their_own_may_follow_secret_key(settings, set_jwt):
    settings.SECRET_KEY = OLD
    before = encrypt(SECRET, owner="x")
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    assert decrypt(before, owner="x") == SECRET


@pytest.mark.parametrize(
    "keys",
    [[], [""], [b""], [None], [7], 7, [[OLD]], [{}], [OLD, ""]],
    ids=["none", "empty", "no bytes", "None", "number", "bare", "list", "dict", "second"],
)
def test_a_key_that_cannot_serve_is_named_and_not_shown(set_jwt, keys):
    set_jwt(MFA_ENCRYPTION_KEYS=keys)
    with pytest.raises(BadKey, match="MFA_ENCRYPTION_KEYS") as error:
        encrypt(SECRET, owner="x")
    assert OLD not in str(error.value)


@proves("A6")
def test_a6_no_repr_shows_a_key_or_a_secret(set_jwt, authenticator, alice):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    [keys] = all_keys()
    assert repr(keys) == f"<Keys {keys.id}>"
    assert keys.pepper.hex() not in f"{keys!s}{keys!r}{keys}"
    device = EncryptedTOTP.objects.get(user=alice)
    assert device.encrypted_secret not in f"{device!s}{device!r}"


@proves("M5")
def test_m5_the_hash_of_a_code_is_salted_keyed_and_its_owners(set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    hashed = hash_code("123456", owner="message 1 1")
    assert hashed != hash_code("123456", owner="message 1 1")
    assert is_code("123456", hashed, owner="message 1 1")
    assert not is_code("123457", hashed, owner="message 1 1")
    assert not is_code("123456", hashed, owner="message 2 1")
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW])
    assert not is_code("123456", hashed, owner="message 1 1")


def test_a_code_that_was_sent_outlives_a_new_key(set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    hashed = hash_code("123456", owner="x")
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, OLD])
    assert is_code("123456", hashed, owner="x")


@pytest.mark.parametrize("hashed", ["", "$", "$$", "x$y$z", "123456"])
def test_what_is_no_hash_is_of_no_code(hashed):
    assert not is_code("123456", hashed, owner="x")


@proves("P8", "M3")
@pytest.mark.parametrize("change", ["key gone", "damaged", "swapped", "swapped with her own"])
def test_p8_who_cannot_be_judged_is_not_let_in(
    alice, bob, authenticator, set_jwt, settings, change
):
    theirs = EncryptedTOTP.objects.filter(user=alice)
    if change == "key gone":
        theirs.update(key_id="00000000")
    elif change == "damaged":
        theirs.update(encrypted_secret="AAAA")
    else:
        owner = bob if change == "swapped" else alice
        other = EncryptedTOTP.make(user_id=owner.pk)
        values = {"key_id": other.key_id, "encrypted_secret": other.encrypted_secret}
        theirs.filter(confirmed=True).update(**values)
    answer = sign_in_by(alice, authenticator.code())
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


@proves("M3")
def test_m3_an_app_that_is_written_over_to_somebody_else_lets_them_not_in(
    alice, bob, authenticator
):
    EncryptedTOTP.objects.filter(user=alice).update(user=bob)
    assert sign_in_by(bob, authenticator.code()).status_code == 503


@proves("P8")
def test_p8_keys_that_cannot_serve_let_nobody_in(alice, authenticator, set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[])
    assert sign_in_by(alice, authenticator.code()).status_code == 503


def test_a_secret_that_is_lost_leaves_the_recovery_codes(alice, authenticator):
    EncryptedTOTP.objects.update(key_id="00000000")
    assert sign_in_by(alice, authenticator.recovery_codes[0]).status_code == 200


def test_an_app_whose_secret_is_lost_leaves_the_other_one(alice, phone, authenticator, clock):
    other = enroll(phone)
    lost = EncryptedTOTP.objects.order_by("pk").first()
    EncryptedTOTP.objects.filter(pk=lost.pk).update(key_id="00000000")
    clock.shift(30)
    assert sign_in_by(alice, other.code()).status_code == 200
    assert sign_in_by(alice, authenticator.code()).status_code == 503


def test_no_secret_is_begun_without_a_key(phone, alice, set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[])
    assert phone.post("mfa/totp/").status_code == 503
    assert not EncryptedTOTP.objects.filter(user=alice).exists()
