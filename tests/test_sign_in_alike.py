"""Nobody learns from a failed sign-in whether there is such a person, or how they sign in."""

from __future__ import annotations

from copy import copy

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jwt_sessions import testing
from jwt_sessions.models import PendingLogin
from tests.people import Device, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.proves("M13")]


def make_ghost():
    """Somebody of whom the database knows nothing any more."""
    user = make_user("ghost")
    ghost = copy(user)  # the user itself forgets its key
    user.delete()
    return ghost


@pytest.fixture
def people(alice, bob):
    """Each of the people whose sign-ins fail alike, with a password that is not right for them."""
    testing.add_totp(bob)
    inactive = make_user("eve", is_active=False)
    locked = make_user("dan", is_active=False)
    testing.add_totp(locked)
    return {
        "wrong password": (alice, "wrong"),
        "wrong password, second factor": (bob, "wrong"),
        "unknown": (make_ghost(), "ghost"),
        "inactive": (inactive, "eve"),
        "inactive, second factor": (locked, "dan"),
    }


def test_all_get_the_same_answer(people):
    answers = [Device().sign_in(*who) for who in people.values()]
    seen = {(answer.status_code, answer.content, *sorted(answer.items())) for answer in answers}
    assert len(seen) == 1
    assert answers[0].json()["code"] == "no_active_account"


def test_all_take_the_same_work(people, monkeypatch):
    hashes = []
    encode = MD5PasswordHasher.encode

    def count(*args, **kwargs):
        hashes.append(1)
        return encode(*args, **kwargs)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count)
    work = {}
    for name, who in people.items():
        hashes.clear()
        with CaptureQueriesContext(connection) as queries:
            Device().sign_in(*who)
        work[name] = (len(hashes), len(queries))
    assert set(work.values()) == {(1, 1)}, work


def test_nothing_begins_before_the_right_password(people):
    for who in people.values():
        Device().sign_in(*who)
    assert not PendingLogin.objects.exists()
