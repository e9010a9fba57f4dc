"""The staff face: look, and revoke one session on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from tests.operators import staff
from tests.people import Device

proves = pytest.mark.proves


@pytest.fixture
def watcher(db):
    """Staff who may look at sessions and nothing else."""
    return staff("watcher", "view_session", "view_revokedsession")


@pytest.fixture
def guard(db):
    """Staff who may look at sessions and revoke them."""
    return staff("guard", "view_session", "view_revokedsession", "revoke_session")


@pytest.fixture
def root(db):
    """A superuser."""
    return staff("root", is_superuser=True)


@pytest.fixture
def outsider(db):
    """Staff without any permission on sessions."""
    return staff("outsider")


def page(name, *args):
    return reverse(f"admin:jwt_sessions_{name}", args=args)


def detail(device):
    return page("session_change", device.sid)


def revoke(device):
    return page("session_revoke", device.sid)


def test_staff_find_a_session_and_see_all_of_it_but_no_secret(watcher, phone, alice):
    listing = watcher.get(page("session_changelist"), {"q": alice.get_username()})
    assert detail(phone) in listing.content.decode()
    shown = watcher.get(detail(phone)).content.decode()
    assert "Firefox on Windows" in shown
    assert "127.0.0.1" in shown
    assert phone.session.auth_hash not in shown


def test_a_search_for_somebody_else_finds_nothing(watcher, phone):
    listing = watcher.get(page("session_changelist"), {"q": "nobody"})
    assert "0 sessions" in listing.content.decode()


@proves("A1")
def test_a1_staff_without_permission_see_nothing_and_revoke_nothing(outsider, phone):
    for address in (page("session_changelist"), page("revokedsession_changelist"), detail(phone)):
        assert outsider.get(address).status_code == 403
    assert outsider.post(revoke(phone)).status_code == 403
    assert phone.call_protected().status_code == 200


def test_who_is_no_staff_is_sent_to_the_login(client, phone, alice):
    client.force_login(alice)
    assert client.post(revoke(phone)).status_code == 302
    assert phone.call_protected().status_code == 200


@proves("A1")
def test_a1_looking_is_not_revoking(watcher, phone):
    assert "Revoke session" not in watcher.get(detail(phone)).content.decode()
    assert watcher.get(revoke(phone)).status_code == 403
    assert watcher.post(revoke(phone)).status_code == 403
    assert phone.call_protected().status_code == 200


def test_nobody_adds_changes_or_deletes_a_session(root, phone):
    assert root.get("/admin/jwt_sessions/session/add/").status_code == 403
    assert root.post(detail(phone), {"device_name": "x"}).status_code == 403
    assert root.post(page("session_delete", phone.sid)).status_code == 403
    assert phone.session.device_name == ""


def test_revoking_asks_first(guard, phone):
    assert "Revoke session" in guard.get(detail(phone)).content.decode()
    question = guard.get(revoke(phone))
    assert question.status_code == 200
    assert "Yes, revoke it" in question.content.decode()
    assert phone.call_protected().status_code == 200


@proves("P1", "V3")
def test_a_session_revoked_by_staff_is_out_at_once_and_on_record(guard, phone):
    response = guard.post(revoke(phone), follow=True)
    assert "The session is revoked." in response.content.decode()
    assert phone.call_protected().status_code == 401
    session = phone.session
    assert session.revoked_reason == RevokedReason.REVOKED_BY_STAFF
    assert session.revoked_by == guard.user
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (guard.user, phone.sid)
    assert entry.get_change_message() == "Revoked."


def test_revoking_twice_changes_and_records_nothing_more(guard, root, phone):
    guard.post(revoke(phone))
    response = root.post(revoke(phone), follow=True)
    assert "over already" in response.content.decode()
    assert phone.session.revoked_by == guard.user
    assert LogEntry.objects.count() == 1


def test_an_expired_session_is_not_offered_for_revocation(guard, phone, clock):
    clock.shift(timedelta(days=1))
    assert "Revoke session" not in guard.get(detail(phone)).content.decode()
    assert "over already" in guard.post(revoke(phone), follow=True).content.decode()
    assert not phone.session.is_revoked


def test_a_session_that_died_unrecorded_is_not_called_live(watcher, phone, alice):
    type(alice).objects.filter(pk=alice.pk).update(is_active=False)
    assert "account deactivated" in watcher.get(detail(phone)).content.decode()


def test_an_outsider_cannot_tell_which_sessions_exist(outsider, phone):
    unknown = page("session_revoke", "00000000-0000-7000-8000-000000000000")
    assert outsider.get(revoke(phone)).status_code == outsider.get(unknown).status_code == 403


def test_who_may_see_revoked_sessions_only_may_open_their_history(phone):
    phone.post("logout/")
    archivist = staff("archivist", "view_revokedsession")
    history = archivist.get(page("revokedsession_history", phone.sid), follow=True)
    assert history.status_code == 200


def test_the_history_of_a_revoked_session_is_that_of_the_session(guard, phone):
    guard.post(revoke(phone))
    history = guard.get(page("revokedsession_history", phone.sid), follow=True)
    assert "Revoked." in history.content.decode()


def test_revoking_needs_the_csrf_token(guard, phone):
    guard.handler.enforce_csrf_checks = True
    assert guard.post(revoke(phone)).status_code == 403
    assert phone.call_protected().status_code == 200


@proves("A1")
def test_a1_a_superusers_session_is_for_superusers_to_end(guard, root):
    device = Device()
    device.sign_in(root.user)
    assert guard.post(revoke(device)).status_code == 403
    assert root.post(revoke(device)).status_code == 302
    assert device.call_protected().status_code == 401


def test_an_operator_is_told_when_the_session_is_their_own(root):
    device = Device()
    device.sign_in(root.user)
    assert "of your own account" in root.get(revoke(device)).content.decode()


def test_a_session_without_a_user_or_device_is_shown_and_revoked(root, alice):
    session = sessions.start(alice).session
    type(session).objects.update(user=None)
    assert "unknown device" in root.get(page("session_changelist")).content.decode()
    address = page("session_revoke", session.pk)
    assert root.get(page("session_change", session.pk)).status_code == 200
    assert root.get(address).status_code == 200
    assert root.post(address).status_code == 302


@pytest.mark.parametrize("sid", ["nonsense", "00000000-0000-7000-8000-000000000000"])
def test_an_unknown_session_is_not_found(root, sid):
    assert root.get(page("session_revoke", sid)).status_code == 404
    assert root.post(page("session_revoke", sid)).status_code == 404


def test_revoked_sessions_are_listed_with_when_why_and_by_whom(guard, phone, laptop):
    guard.post(revoke(phone))
    listing = guard.get(page("revokedsession_changelist")).content.decode()
    assert page("revokedsession_change", phone.sid) in listing
    assert page("revokedsession_change", laptop.sid) not in listing
    assert "ended by staff" in listing
    assert guard.get(page("revokedsession_change", phone.sid)).status_code == 200


@proves("A3")
def test_a3_what_a_client_calls_itself_is_escaped(root, alice):
    device = Device(**{"user-agent": "<script>alert(1)</script>"})
    device.sign_in(alice, device_name="<img src=x onerror=alert(1)>")
    for address in (page("session_changelist"), detail(device), revoke(device)):
        text = root.get(address).content.decode()
        assert "<img src=x" not in text
        assert "<script>alert" not in text


@proves("V2")
def test_deleting_a_user_in_the_admin_just_works(root, phone, alice):
    opts = alice._meta
    address = reverse(f"admin:{opts.app_label}_{opts.model_name}_delete", args=[alice.pk])
    assert root.post(address, {"post": "yes"}).status_code == 302
    assert phone.call_protected().status_code == 401
    assert phone.session.user is None


@proves("P12")
def test_p12_a_page_of_sessions_costs_the_same_for_one_and_for_forty(
    watcher, alice, django_assert_num_queries
):
    address = page("session_changelist")
    for count in (1, 39):
        for _ in range(count):
            sessions.start(alice)
        with django_assert_num_queries(7):
            assert watcher.get(address).status_code == 200
