"""Staff of the tests, by what they may do, and what they do on the pages of bulk revocations."""

from __future__ import annotations

import re
from html import unescape

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from jwt_sessions import sessions
from jwt_sessions.models import BulkRevocation
from jwt_sessions.sessions.time_limit import Deadline
from tests.people import make_user

ALL_OF_IT = ("view_session", "view_bulkrevocation", "bulkrevoke_session")


class OneBatch(Deadline):
    """A time that is up after the first batch, on any machine."""

    def __init__(self, seconds):
        super().__init__(None)
        self.was_asked = False

    @property
    def is_over(self):
        was_asked, self.was_asked = self.was_asked, True
        return was_asked


def staff(name, *permissions, **rights):
    """Return the browser of somebody on the staff, signed in to the admin."""
    user = make_user(name, is_staff=True, **rights)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


def page(name, *args):
    return reverse(f"admin:jwt_sessions_bulkrevocation_{name}", args=args)


def sign_in(user, number=1, **more):
    """Start sessions of somebody; return the last one."""
    for _ in range(number):
        session = sessions.start(user, **more).session
    return session


def preview(client, **criteria):
    return client.post(page("preview"), criteria)


def hidden_fields(response):
    """Return what a page of a browser would send along, as it stands in its forms."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text_of(response))
    fields = {}
    for name, value in found:
        fields.setdefault(name, []).append(unescape(value))
    return fields


def text_of(response):
    return response.content.decode()


def confirm(client, shown, button="start", **answers):
    """Answer a preview, and return what comes of it."""
    answers = {"reason": "breach", "is_sure": "on", button: "yes", **answers}
    return client.post(page("confirm"), {**hidden_fields(shown), **answers})


def put_on_record(client, **criteria):
    """Go from criteria to a record that has not begun."""
    response = confirm(client, preview(client, **criteria), "later")
    assert response.status_code == 302, text_of(response)
    return BulkRevocation.objects.latest("pk")


def step(client, record, position="", **headers):
    return client.post(page("step", record.pk), {"position": position}, headers=headers)


def step_by_script(client, record, position=""):
    return step(client, record, position, accept="application/json")
