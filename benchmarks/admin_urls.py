"""The admin as it is, and beside it Django's stock lists of the same rows."""

from typing import ClassVar

from django.contrib import admin
from django.urls import path

from jwt_sessions.models import SecurityEvent, Session

stock = admin.AdminSite(name="stock")


@admin.register(Session, site=stock)
class StockSessionAdmin(admin.ModelAdmin):
    """Columns, filters and search as one writes them at first."""

    list_display: ClassVar = [
        *("user", "device_name", "browser", "platform", "address", "kind"),
        *("created_at", "expires_at", "revoked_at", "revoked_reason"),
    ]
    list_filter: ClassVar = ["kind", "created_at", "revoked_reason"]
    list_select_related: ClassVar = ["user"]
    search_fields: ClassVar = ["user__username", "device_name", "address"]


@admin.register(SecurityEvent, site=stock)
class StockSecurityEventAdmin(admin.ModelAdmin):
    """The same of events."""

    list_display: ClassVar = ["at", "kind", "user", "address", "facts"]
    list_filter: ClassVar = ["kind"]
    list_select_related: ClassVar = ["user"]
    search_fields: ClassVar = ["user__username"]


urlpatterns = [path("admin/", admin.site.urls), path("stock/", stock.urls)]
