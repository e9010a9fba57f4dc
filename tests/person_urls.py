"""URLs with an admin site of a project's own, where a user's page leads to their sessions."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import path

from jwt_sessions.admin import SessionAdmin
from jwt_sessions.admin.users import SessionsAdminMixin
from jwt_sessions.models import Session


class PersonAdmin(SessionsAdminMixin, admin.ModelAdmin):
    """Any page of a user."""

    exclude = ["password"]


site = admin.AdminSite(name="staff")
site.register(get_user_model(), PersonAdmin)
site.register(Session, SessionAdmin)

urlpatterns = [path("staff/", site.urls)]
