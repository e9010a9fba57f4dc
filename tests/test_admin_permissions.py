"""Who may see and do what in the lists of the admin: every page, every method, every role."""

from __future__ import annotations

import logging

import pytest
from django.contrib.admin.models import LogEntry

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, SecurityEvent, Session
from tests.operators import staff
from tests.people import make_user
from tests.test_admin import page

ROLES = {
    "nobody's staff": (),
    "sees sessions": ("view_session",),
    "sees revoked ones": ("view_revokedsession",),
    "sees events": ("view_securityevent",),
    "revokes, and may not look": ("revoke_session", "bulkrevoke_session"),
    "sees and revokes one": ("view_session", "revoke_session"),
    "sees and revokes in bulk": ("view_session", "bulkrevoke_session"),
}
SESSIONS = {"sees sessions", "sees and revokes one", "sees and revokes in bulk"}
REVOKED = {"sees revoked ones"}
EVENTS = {"sees events"}
# (page, method): who may, and what they are answered.
MATRIX = {
    ("session_changelist", "get"): (SESSIONS, 200),
    ("session_change", "get"): (SESSIONS, 200),
    ("session_history", "get"): (SESSIONS, 200),
    ("overview", "get"): (SESSIONS, 200),
    ("session_revoke", "get"): ({"sees and revokes one"}, 200),
    ("session_revoke", "post"): ({"sees and revokes one"}, 302),
    ("revokedsession_changelist", "get"): (REVOKED, 200),
    ("revokedsession_change", "get"): (REVOKED, 200),
    ("revokedsession_history", "get"): (REVOKED | SESSIONS, None),
    ("securityevent_changelist", "get"): (EVENTS, 200),
    ("securityevent_change", "get"): (EVENTS, 200),
    # Nobody may.
    **{
        (f"{model}_{act}", method): (set(), None)
        for model in ("session", "revokedsession", "securityevent")
        for act in ("add", "delete")
        for method in ("get", "post")
    },
    **{
        (f"{model}_change", "post"): (set(), None)
        for model in ("session", "revokedsession", "securityevent")
    },
}
HAS_NO_ROW = ("changelist", "overview", "add")


@pytest.fixture
def rows(alice):
    """A live session, a revoked one and an event, by the page that shows them."""
    live, revoked = sessions.start(alice).session, sessions.start(alice).session
    sessions.revoke(revoked.pk, reason=RevokedReason.SIGNED_OUT)
    event = SecurityEvent.objects.create(kind="factor_added", user=alice)
    return {"session": live.pk, "revokedsession": revoked.pk, "securityevent": event.pk}


def address_of(name, rows):
    args = () if name.endswith(HAS_NO_ROW) else (rows[name.partition("_")[0]],)
    return page(name, *args)


@pytest.mark.proves("A1")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("name", "method"), MATRIX)
def test_a1_each_page_is_for_those_who_may(rows, name, method, role, caplog):
    client = staff("somebody", *ROLES[role])
    may, status = MATRIX[name, method]
    with caplog.at_level(logging.WARNING, "jwt_sessions"):
        response = getattr(client, method)(address_of(name, rows), {})
    if role in may:
        assert response.status_code in ({status} if status else {200, 302})
        return
    is_other_history = name == "revokedsession_history"
    assert response.status_code == 403 or is_other_history
    assert f"user {client.user.pk} was refused {method.upper()}" in caplog.text
    assert Session.objects.revoked().count() == 1
    assert not LogEntry.objects.exists()


@pytest.mark.proves("A1")
@pytest.mark.parametrize("role", ROLES)
def test_a1_the_action_on_ticked_rows_is_for_those_who_may(rows, role):
    client = staff("somebody", *ROLES[role])
    body = {"action": "revoke_selected", "_selected_action": [str(rows["session"])]}
    answer = client.post(page("session_changelist"), body)
    if role == "sees and revokes in bulk":
        assert "1 session" in answer.content.decode()
    elif role in SESSIONS:
        # There is no such action for them.
        assert answer.status_code in {200, 302}
        assert b"Yes, revoke" not in answer.content
    else:
        assert answer.status_code == 403
    assert Session.objects.revoked().count() == 1


@pytest.mark.proves("A1")
@pytest.mark.parametrize("name", ["session_changelist", "session_revoke", "overview"])
def test_a1_who_is_no_staff_is_sent_to_the_login(rows, client, name):
    client.force_login(make_user("somebody"))
    for method in ("get", "post"):
        assert getattr(client, method)(address_of(name, rows)).status_code == 302
    assert Session.objects.revoked().count() == 1
