"""REVOCATION_CHECK "cached": a process that is killed after its commit, before it tells of it."""

from __future__ import annotations

import pytest

from tests.cached import DELAY, Process
from tests.racing import die_apart

proves = pytest.mark.proves

pytest_plugins = ["tests.cached_fixtures"]
pytestmark = pytest.mark.django_db(transaction=True)

# Signs out, and is killed after the commit, when it is about to tell of it.
DYING = """
import os, signal, sys
import django
from django.conf import settings

settings.JWT_SESSIONS["REVOCATION_CHECK"] = "cached"
django.setup()
from jwt_sessions.revocation.shared_cache import SharedCache
from tests.people import Device

SharedCache.tell = lambda self, sids: os.kill(os.getpid(), signal.SIGKILL)
device = Device()
device.access = sys.argv[1]
device.post("logout/")
print("answered")
"""


@pytest.fixture(autouse=True)
def clock():
    """The real one: the process that dies knows no other."""


@proves("P1", "V1")
def test_p1_a_process_killed_between_commit_and_telling_delays_others_within_bounds(
    phone, other, store, monotonic
):
    others = [other, Process()]
    assert [each.ask(phone) for each in others] == [(200, 1)] * 2
    assert die_apart("-c", DYING, phone.access) == ""
    assert phone.session.is_revoked
    assert store.count_keys() == 0
    assert [each.ask(phone) for each in others] == [(200, 0)] * 2
    monotonic.shift(DELAY + 0.001)
    assert [each.ask(phone) for each in others] == [(401, 1)] * 2
