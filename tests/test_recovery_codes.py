"""What a recovery code is made of, and what it costs to check one."""

from __future__ import annotations

import re

import pytest

from jwt_sessions.models import RecoveryCode
from jwt_sessions.models.recovery_codes import (
    ALPHABET,
    HASHER,
    RANDOM_LENGTH,
    RecoveryCodeHasher,
    hash_code,
    new_codes,
    normalize,
)
from tests.authenticators import enroll, sign_in_by

proves = pytest.mark.proves


@pytest.fixture
def real_work(monkeypatch):
    monkeypatch.setattr(RecoveryCodeHasher, "iterations", 100_000)


@proves("M5")
@pytest.mark.once
def test_a_code_has_seventy_five_random_bits_and_begins_with_its_slot():
    codes = new_codes()
    assert len(ALPHABET) ** RANDOM_LENGTH == 2**75
    assert [code[0] for code in codes] == list("0123456789")
    assert all(re.fullmatch(r"\d(-[0-9A-HJKMNP-TV-Z]{5}){3}", code) for code in codes)
    assert len({code[1:] for code in [*codes, *new_codes()]}) == 20


@pytest.mark.once
@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "3-7KQFM-2XW9T-CA4R",
        "3-7KQFM-2XW9T-CA4RBB",
        "A-7KQFM-2XW9T-CA4RB",
        "3-7KQFM-2XW9T-CA4RU",
        "x" * 999,
    ],
    ids=["nothing", "one", "short", "long", "no slot", "no letter of it", "very long"],
)
def test_what_is_no_code_is_not_taken_for_one(text):
    assert normalize(text) is None


@proves("M5")
def test_codes_are_stored_salted_and_hashed(phone, real_work):
    codes = enroll(phone).recovery_codes
    stored = list(RecoveryCode.objects.order_by("slot").values_list("hashed", flat=True))
    assert all(hashed.startswith("pbkdf2_sha256$100000$") for hashed in stored)
    assert len({hashed.split("$")[2] for hashed in stored}) == 10
    assert HASHER.verify(normalize(codes[4]), stored[4])


@proves("M5")
def test_one_hash_is_computed_for_a_code_however_many_there_are(alice, phone, monkeypatch, clock):
    app = enroll(phone)
    verified = []
    verify = RecoveryCodeHasher.verify
    monkeypatch.setattr(
        RecoveryCodeHasher, "verify", lambda self, *code: verified.append(1) or verify(self, *code)
    )
    assert sign_in_by(alice, app.recovery_codes[9][:-4] + "0000").status_code == 401
    assert len(verified) == 1


@proves("M5")
@pytest.mark.once
def test_a_hash_names_its_work_so_that_more_work_later_breaks_no_code(monkeypatch):
    code = normalize(new_codes()[0])
    hashed = hash_code(code)
    monkeypatch.setattr(RecoveryCodeHasher, "iterations", 2)
    assert HASHER.verify(code, hashed)
