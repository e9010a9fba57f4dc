"""Who may do what with bulk revocations: every page, every method, every role."""

from __future__ import annotations

import logging

import pytest
from django.contrib.admin.models import LogEntry

from jwt_sessions.models import BulkRevocation, Session
from tests.operators import page, sign_in, staff
from tests.people import make_user

ROLES = {
    "nobody's staff": (),
    "sees sessions": ("view_session",),
    "revokes one": ("view_session", "revoke_session"),
    "sees records": ("view_bulkrevocation",),
    "sees records and sessions": ("view_bulkrevocation", "view_session"),
    "revokes in bulk": ("bulkrevoke_session",),
    "revokes in bulk and sees sessions": ("bulkrevoke_session", "view_session"),
    "all of it": ("bulkrevoke_session", "view_session", "view_bulkrevocation"),
}
ALL = "all of it"
SEE = {"sees records", "sees records and sessions", ALL}
REVOKE = {"revokes in bulk", "revokes in bulk and sees sessions", ALL}
DOWNLOAD = {"sees records and sessions", ALL}
# (page, method): who may, and what they are answered.
MATRIX = {
    ("changelist", "get"): (SEE, 200),
    ("change", "get"): (SEE, 200),
    ("history", "get"): (SEE, 200),
    ("csv", "get"): (DOWNLOAD, 200),
    ("new", "get"): (REVOKE, 200),
    ("preview", "get"): (REVOKE, 302),
    ("preview", "post"): (REVOKE, 200),
    ("confirm", "get"): (REVOKE, 302),
    ("confirm", "post"): (REVOKE, 200),
    ("run", "get"): (REVOKE, 200),
    ("step", "post"): (REVOKE, 302),
    # Nobody may.
    ("add", "get"): (set(), None),
    ("add", "post"): (set(), None),
    ("change", "post"): (set(), None),
    ("delete", "get"): (set(), None),
    ("delete", "post"): (set(), None),
}


def address_of(name, record):
    has_record = name in {"change", "history", "csv", "run", "step", "delete"}
    return page(name, record.pk) if has_record else page(name)


@pytest.fixture
def record(alice):
    sign_in(alice)
    criteria = {"everyone": True, "except_superusers": True}
    return BulkRevocation.objects.create(reason="breach", criteria=criteria, total=1)


@pytest.mark.proves("A1")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("name", "method"), MATRIX)
def test_a1_each_page_is_for_those_who_may(record, name, method, role, caplog):
    client = staff("somebody", *ROLES[role])
    may, status = MATRIX[name, method]
    with caplog.at_level(logging.WARNING, "jwt_sessions"):
        data = {"everyone": "on"} if method == "post" else {}
        response = getattr(client, method)(address_of(name, record), data)
    if role in may:
        assert response.status_code == status
        return
    assert response.status_code == 403
    assert f"user {client.user.pk} was refused {method.upper()}" in caplog.text
    assert not Session.objects.revoked().exists()
    assert not LogEntry.objects.exists()
    assert BulkRevocation.objects.count() == 1


@pytest.mark.parametrize(("name", "method"), MATRIX)
def test_who_is_no_staff_is_sent_to_the_login(record, client, name, method):
    client.force_login(make_user("customer"))
    response = getattr(client, method)(address_of(name, record))
    assert response.status_code == 302
    assert "/login/" in response.url


@pytest.mark.parametrize("name", ["new", "run", "csv"])
def test_pages_that_only_show_take_no_post(record, name):
    client = staff("somebody", *ROLES[ALL])
    assert client.post(address_of(name, record)).status_code == 405


def test_nothing_is_started_by_a_link(record):
    client = staff("somebody", *ROLES[ALL])
    assert client.get(address_of("step", record)).status_code == 405


def test_names_of_people_are_for_who_may_see_sessions(record, alice):
    for role, is_shown in (("revokes in bulk", False), (ALL, True)):
        client = staff(f"with{len(role)}", *ROLES[role])
        shown = client.post(page("preview"), {"everyone": "on"}).content.decode()
        assert "1 session of 1 person" in shown
        assert (alice.get_username() in shown) is is_shown


def test_an_unknown_record_looks_like_any_other_to_who_may_not(record):
    client = staff("somebody")
    for name in ("run", "csv", "change"):
        assert client.get(page(name, record.pk + 1)).status_code == 403
