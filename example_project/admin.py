from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin

from jwt_sessions.admin.users import SessionsAdminMixin

User = get_user_model()

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(SessionsAdminMixin, UserAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Django's own page of a user, with the way to their sessions."""
