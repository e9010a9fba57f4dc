"""Thousands of signed-in people, made at once: run within the process of a site on SQLite."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from benchmarks.bearers import new_session
from benchmarks.large.filling import FIRST_USER, IDS, Stretch, copy_row, moments, rows, time_after
from jwt_sessions.models import Session

OPERATORS = ("nora", "otto", "petra")
MAY = ["view_session", "view_bulkrevocation", "revoke_session", "bulkrevoke_session"]


def gather(people=5_000, *, sessions_of_each=4):
    """Make people, each with so many live sessions, and the operators who look after them."""
    add_operators()
    person = User.objects.create_user("person", password="person-demo")
    name = "printf('person-%04d', i)"
    copy_row(person, rows(people), {"id": f"{FIRST_USER} + i", "username": name})
    now = timezone.now()
    session = new_session(person, now)
    session.save()
    session.refresh_token.save()
    began = time_after(timedelta(0))
    values = {
        "id": IDS["sqlite"],
        "user": f"{FIRST_USER} + i / {sessions_of_each}",
        **dict.fromkeys(["auth_time", "created_at"], began),
    }
    last_week = Stretch(people * sessions_of_each, now - timedelta(days=7), now)
    copy_row(session, moments(last_week), values)
    theirs = f"(SELECT id FROM jwt_sessions_session WHERE user_id >= {FIRST_USER}) AS theirs"
    copy_row(session.refresh_token, theirs, {"session": "theirs.id"})
    Session.objects.filter(pk=session.pk).delete()


def add_operators():
    """Make staff who may revoke sessions, one by one and in bulk, and nothing else."""
    may = Permission.objects.filter(content_type__app_label="jwt_sessions", codename__in=MAY)
    for name in OPERATORS:
        operator = User.objects.create_user(name, password=f"{name}-demo", is_staff=True)
        operator.user_permissions.add(*may)
