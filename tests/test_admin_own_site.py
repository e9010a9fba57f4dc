"""A site of a project's own that has some of the screens only."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path, reverse

from jwt_sessions.admin import RevokedSessionAdmin
from jwt_sessions.models import RevokedReason, RevokedSession, Session
from tests.operators import sign_in, staff

site = admin.AdminSite(name="small")
site.register(RevokedSession, RevokedSessionAdmin)
urlpatterns = [path("small/", site.urls)]


def test_revoked_sessions_have_their_history_without_the_list_of_sessions(alice, settings):
    session = sign_in(alice)
    Session.objects.filter(pk=session.pk).revoke(reason=RevokedReason.REVOKED_BY_STAFF)
    settings.ROOT_URLCONF = __name__
    root = staff("root", is_superuser=True)
    address = reverse("small:jwt_sessions_revokedsession_history", args=[session.pk])
    assert root.get(address).status_code == 200
