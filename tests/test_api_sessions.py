"""A person's own devices over the API."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from uuid import uuid4

import pytest

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from tests.people import Device

proves = pytest.mark.proves


@pytest.fixture
def bobs(bob):
    """Bob's only device, signed in."""
    device = Device()
    device.sign_in(bob)
    return device


def test_a_person_sees_their_own_live_sessions_newest_first(alice, bobs, clock):
    phone, laptop, tablet = Device(), Device(), Device()
    for device in (phone, laptop, tablet):
        clock.shift(timedelta(seconds=1))
        device.sign_in(alice)
    tablet.post("logout/")
    assert [row["id"] for row in phone.list_sessions()] == [laptop.sid, phone.sid]


def test_a_session_is_shown_with_all_that_helps_to_know_it(alice):
    device = Device()
    device.sign_in(alice, device_name="Work laptop")
    (row,) = device.list_sessions()
    assert row == {
        "id": device.sid,
        "kind": "api",
        "current": True,
        "device_name": "Work laptop",
        "device": "Firefox on Windows",
        "address": "127.0.0.1",
        "created_at": "2026-11-23T12:00:00Z",
        "last_seen_at": "2026-11-23T12:00:00Z",
        "expires_at": "2026-12-23T12:00:00Z",
        "amr": ["pwd"],
    }


def test_the_session_in_use_is_marked(phone, laptop):
    assert {row["id"]: row["current"] for row in laptop.list_sessions()} == {
        phone.sid: False,
        laptop.sid: True,
    }


def test_sessions_that_lay_unused_are_not_listed(alice, clock):
    Device().sign_in(alice)
    clock.shift(timedelta(days=1))
    new = Device()
    new.sign_in(alice)
    assert [row["id"] for row in new.list_sessions()] == [new.sid]


@proves("P12")
def test_p12_a_page_of_sessions_costs_two_queries(phone, alice, clock, django_assert_num_queries):
    for _ in range(60):
        clock.shift(timedelta(milliseconds=1))
        sessions.start(alice)
    seen, page = [], "/api/auth/sessions/"
    while page:
        with django_assert_num_queries(2):
            answer = phone.get(page).json()
        seen += [row["id"] for row in answer["results"]]
        page = answer["next"]
    assert len(seen) == len(set(seen)) == 61
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("position", ["p=", "p=1", "p=%00", "p=zz&r=1", "o=-1", "\xff"])
def test_a_bent_cursor_is_not_found(phone, position):
    cursor = b64encode(position.encode()).decode()
    assert phone.get(f"/api/auth/sessions/?cursor={cursor}").status_code == 404


def test_a_device_can_be_renamed(phone):
    response = phone.patch(f"sessions/{phone.sid}/", {"device_name": "\u202eMy\x07 phone"})
    assert response.status_code == 200
    assert response.json()["device_name"] == "My phone"
    assert response.json()["current"] is True
    assert phone.session.device_name == "My phone"


@proves("P1", "V1")
def test_a_session_ended_from_another_device_is_refused_on_the_next_request(phone, laptop):
    assert phone.delete(f"sessions/{laptop.sid}/").status_code == 204
    assert laptop.call_protected().status_code == 401
    assert phone.call_protected().status_code == 200
    assert laptop.session.revoked_reason == RevokedReason.SIGNED_OUT_REMOTELY


def test_ending_the_session_in_use_is_signing_out(phone):
    assert phone.delete(f"sessions/{phone.sid}/").status_code == 204
    assert phone.session.revoked_reason == RevokedReason.SIGNED_OUT
    assert phone.session.revoked_by == phone.session.user


@proves("A2")
def test_anothers_session_is_as_unknown_as_none(phone, bobs):
    for sid in (bobs.sid, str(uuid4()), bobs.sid.upper(), "me", "%00", "1"):
        patched = phone.patch(f"sessions/{sid}/", {"device_name": "mine"})
        deleted = phone.delete(f"sessions/{sid}/")
        assert (patched.status_code, deleted.status_code) == (404, 404)
        assert patched.json() == deleted.json() == {"detail": "Not found.", "code": "not_found"}
    assert bobs.call_protected().status_code == 200
    assert bobs.session.device_name == ""


def test_the_other_sessions_can_be_ended_together(phone, laptop, bobs):
    response = phone.post("sessions/revoke-others/")
    assert (response.status_code, response.json()) == (200, {"revoked": 1})
    assert [device.call_protected().status_code for device in (phone, laptop, bobs)] == [
        200,
        401,
        200,
    ]


def test_all_sessions_can_be_ended_together(phone, laptop, bobs):
    assert phone.post("sessions/revoke-all/").json() == {"revoked": 2}
    assert [device.call_protected().status_code for device in (phone, laptop, bobs)] == [
        401,
        401,
        200,
    ]


def test_all_of_it_needs_a_live_session(phone):
    phone.post("logout/")
    assert phone.get("/api/auth/sessions/").status_code == 401
    assert phone.post("sessions/revoke-all/").status_code == 401
    assert phone.patch(f"sessions/{phone.sid}/", {"device_name": "x"}).status_code == 401
