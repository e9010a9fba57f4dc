from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_value

from jwt_sessions.admin.permissions import logged

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.urls import URLPattern


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """A page of records: the list and the detail only. Whoever is refused a view is logged."""

    actions: Any = None
    list_per_page = 50
    show_full_result_count = False

    def get_urls(self) -> list[URLPattern]:
        """Return Django's views and, before them, those of ``get_own_urls``."""
        patterns = [*self.get_own_urls(), *super().get_urls()]
        for pattern in patterns:
            pattern.callback = logged(pattern.callback)
        return patterns

    def get_own_urls(self) -> list[URLPattern]:
        """Return further views of this model, each within ``admin_site.admin_view``."""
        return []

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Refuse filters by what no page shows: a hash could be guessed by what it begins with."""
        name = lookup.partition("__")[0]
        hidden = {one.name for one in self.opts.fields if not (one.editable or one.primary_key)}
        return name not in hidden and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def show(self, value: Any) -> str:
        """Write a value as Django's admin writes those of its own columns."""
        return str(display_for_value(value, self.get_empty_value_display()))
