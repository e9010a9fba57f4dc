"""How safe the account is, at a glance, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from jwt_sessions import mfa
from jwt_sessions.mfa.events import name_of_method
from jwt_sessions.models import SecurityEvent, Session
from jwt_sessions.pages.moments import Moment
from jwt_sessions.pages.page import Page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

EVENTS: Final = 5


@dataclass(frozen=True, slots=True)
class Happening:
    """A security event, as its owner is told."""

    what: str
    detail: str
    at: Moment
    address: str | None

    @classmethod
    def of(cls, event: SecurityEvent) -> Happening:
        """Return what to tell."""
        method = event.facts.get("method")
        named = [name_of_method(method) if method else "", event.facts.get("name", "")]
        detail = " · ".join(filter(None, named))
        return cls(event.get_kind_display(), detail, Moment(event.at), event.address)


class OverviewPage(Page):
    """Second factor on or off, recovery codes, devices, what happened lately."""

    template_name = "overview.html"
    title = _("Security overview")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        factors = [device for device in mfa.list_devices(self.person) if device.is_factor]
        since = min((one.confirmed_at for one in factors if one.confirmed_at), default=None)
        theirs: Any = SecurityEvent.objects.filter(user_id=self.person.pk)
        return self.show(
            factors=factors,
            since=Moment.of(since),
            devices=Session.objects.filter(user_id=self.person.pk).live().count(),
            happenings=[Happening.of(event) for event in theirs.order_by("-id")[:EVENTS]],
        )
