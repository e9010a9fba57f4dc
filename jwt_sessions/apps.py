from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class JWTSessionsConfig(AppConfig):
    name = "jwt_sessions"
    verbose_name = _("Signed-in sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, follow the user model, describe ourselves to OpenAPI."""
        from jwt_sessions import accounts, checks, notices
        from jwt_sessions.browser_sessions import logins

        checks.register()
        accounts.connect()
        logins.connect()
        notices.connect()
        if apps.is_installed("drf_spectacular"):
            from jwt_sessions import openapi  # noqa: F401 - its classes register themselves
        if apps.is_installed("django.contrib.admin"):
            from jwt_sessions.admin.bulk import log_entries

            log_entries.connect()
