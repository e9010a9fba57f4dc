"""What happened to accounts: refresh tokens reused, second factors added, removed, reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from jwt_sessions.admin.lists.filters import EventKindFilter, PersonFilter
from jwt_sessions.admin.lists.finding import DIGITS, Found, by_person, narrow, people_called
from jwt_sessions.admin.lists.keyset import KeysetAdmin
from jwt_sessions.models import SecurityEvent

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

    from jwt_sessions.admin.lists.keyset import Place


@admin.register(SecurityEvent)
class SecurityEventAdmin(KeysetAdmin):
    """The events, newest first. Each is written once, and holds no secret."""

    list_display = ["at", "kind", "user", "address", "told"]
    list_filter = [EventKindFilter, PersonFilter]
    list_select_related = ["user"]
    fields = ["at", "kind", "user", "session", "address", "told"]
    search_help_text = _("A person by the name they sign in with, in full.")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "session")

    def find(self, text: str, params: Any) -> Found:
        """Return what is found by the text in the search box, and by parameters of the address."""
        groups = []
        if text:
            groups.append([each for key in people_called(text) for each in by_person(key)])
        if "user" in params:
            groups.append(by_person(params["user"]))
        return narrow(SecurityEvent.objects.all(), *groups)

    def read_place(self, text: str) -> Place | None:
        """Return a place in the order that stands in an address, or None."""
        is_number = text.isascii() and text.isdecimal() and len(text) <= DIGITS
        return (int(text),) if is_number else None

    def write_place(self, place: Place) -> str:
        """Return a place for an address."""
        return str(place[0])

    def moment_of(self, place: Place) -> datetime:
        """Return which moment a place is, for people."""
        at: datetime = SecurityEvent.objects.values_list("at", flat=True).get(pk=place[0])
        return at

    @admin.display(description=_("facts"))
    def told(self, event: SecurityEvent) -> str:
        facts = ((name, value) for name, value in event.facts.items() if value not in (None, ""))
        return format_html_join(", ", "{}: {}", facts) or self.show(None)
