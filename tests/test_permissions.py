from __future__ import annotations

from rest_framework.test import APIClient


def test_force_authenticate_leaves_no_session_and_gets_401(alice):
    client = APIClient()
    client.force_authenticate(alice)
    response = client.get("/api/auth/sessions/")
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"


def test_force_authenticate_works_on_the_projects_own_views_that_need_no_session(alice):
    client = APIClient()
    client.force_authenticate(alice, token={"user_id": "7"})
    response = client.post("/api/auth/logout/")
    assert response.status_code == 401
