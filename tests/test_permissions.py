from __future__ import annotations

import pytest
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.test import APIClient

from jwt_sessions.permissions import HasSession
from jwt_sessions.tokens import parse_access_token


def test_force_authenticate_leaves_no_session_and_gets_401(alice):
    client = APIClient()
    client.force_authenticate(alice)
    response = client.get("/api/auth/sessions/")
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"


def test_a_token_whose_session_nobody_looked_at_is_not_enough(phone, rf):
    request = Request(rf.get("/"))
    request.auth = parse_access_token(phone.access)
    with pytest.raises(NotAuthenticated):
        HasSession().has_permission(request, view=None)


def test_force_authenticate_works_on_the_projects_own_views_that_need_no_session(alice):
    client = APIClient()
    client.force_authenticate(alice, token={"user_id": "7"})
    response = client.post("/api/auth/logout/")
    assert response.status_code == 401
