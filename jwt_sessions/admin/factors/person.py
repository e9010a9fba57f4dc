"""All second factors of one person, whichever models they are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.contrib.admin.utils import quote, unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Max, Q
from django.http import Http404
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView

from jwt_sessions import mfa
from jwt_sessions.admin.permissions import RESET_SECOND_FACTOR, is_protected
from jwt_sessions.mfa.events import SIGNALS, name_of_method
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    MessageDevice,
    RecoveryCode,
    RecoveryCodes,
    SecurityEvent,
    session_alias,
)

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.admin import AdminSite
    from django.http import HttpRequest

    from jwt_sessions.admin.factors.screens import EncryptedTOTPAdmin

PERSON: Final = "jwt_sessions_person_factors"
RESET: Final = "jwt_sessions_person_factors_reset"
EVENTS: Final = 10


@dataclass(frozen=True, slots=True)
class ShownDevice:
    """A device as staff see it."""

    method: str
    is_ours: bool
    name: str
    address: str
    confirmed_at: datetime | None
    last_used_at: datetime | None
    codes_left: int | None
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """Something that happened, and what is to be said of it."""

    event: SecurityEvent
    remarks: list[str]


class AboutPersonView(TemplateView):
    """A page about the person whom the address names, for staff who may see second factors."""

    model_admin: EncryptedTOTPAdmin = None  # type: ignore[assignment]  # given to as_view()
    title: Any = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # Asked before the look-up, so that 404 tells nothing to who may not look.
        if not self.is_allowed(request):
            raise PermissionDenied
        self.person = find_person(kwargs["user_id"])
        return super().dispatch(request, *args, **kwargs)

    def is_allowed(self, request: HttpRequest) -> bool:
        return self.model_admin.has_view_permission(request)

    def may_reset(self) -> bool:
        operator = self.request.user
        is_trusted = operator.has_perm(RESET_SECOND_FACTOR)
        return is_trusted and not is_protected(self.person, operator=operator)

    def find_address(self, name: str = PERSON) -> str | None:
        return find_address(self.model_admin.admin_site, self.person, name)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            **self.model_admin.admin_site.each_context(self.request),
            "opts": EncryptedTOTP._meta,
            "original": self.person,
            "person": self.person,
            "has_view_permission": True,
            "media": self.model_admin.media,
            "title": self.title % {"user": self.person},
            "devices": list_shown(self.person),
            "is_own": self.person.pk == self.request.user.pk,
        }


class PersonView(AboutPersonView):
    """What a person has, whether they must have it, and what happened to it lately."""

    template_name = "admin/jwt_sessions/factors/person.html"
    http_method_names = ["get", "head"]
    title = _("Second factors of %(user)s")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        may_reset = context["devices"] and self.may_reset()
        return {
            **context,
            "is_required": mfa.is_required(self.person),
            "events": list_events(self.person),
            "reset_address": self.find_address(RESET) if may_reset else None,
            "is_spared": is_protected(self.person, operator=self.request.user),
        }


def find_address(site: AdminSite, person: Any, name: str = PERSON) -> str | None:
    """Return where a page about a person is, or None where the site has no such page."""
    try:
        return reverse(f"{site.name}:{name}", args=[quote(person.pk)])
    except NoReverseMatch:
        return None


def find_person(text: str) -> Any:
    """Return the person whose key stands in an address. Raises ``Http404``."""
    people = get_user_model()
    field: Any = people._meta.pk
    while field.remote_field:
        field = field.target_field
    try:
        key = field.to_python(unquote(text))
        # What no column holds, PostgreSQL would not even compare.
        field.run_validators(key)
        return people._base_manager.using(session_alias()).get(pk=key)
    except (people.DoesNotExist, ValidationError, ValueError, OverflowError):
        raise Http404 from None


def list_shown(person: Any) -> list[ShownDevice]:
    """Return a person's confirmed devices with all that staff may know of them."""
    now, theirs = timezone.now(), {"user_id": person.pk}
    addresses = MessageDevice.objects.filter(**theirs, confirmed=True)
    masked = {str(device.pk): device.masked_address for device in addresses}
    locked = FactorAllowance.objects.filter(**theirs, locked_until__gt=now)
    locks = dict(locked.values_list("factor", "locked_until"))
    codes = RecoveryCode.objects.filter(device__user_id=person.pk)
    use = codes.aggregate(left=Count("pk", filter=Q(used_at=None)), latest=Max("used_at"))
    shown = []
    for device in mfa.list_devices(person):
        has_codes = device.model is RecoveryCodes
        shown.append(
            ShownDevice(
                method=name_of_method(device.method),
                is_ours=device.is_ours,
                name=device.name,
                address=masked.get(device.pk, "") if device.model is MessageDevice else "",
                confirmed_at=device.confirmed_at,
                last_used_at=use["latest"] if has_codes else device.last_used_at,
                codes_left=use["left"] if has_codes else None,
                locked_until=locks.get(device.method),
            )
        )
    return shown


def list_events(person: Any) -> list[ShownEvent]:
    """Return the latest events of a person's second factors, the newest first."""
    about_factors = SecurityEvent.objects.filter(user_id=person.pk, kind__in=[*SIGNALS])
    events = list(about_factors.order_by("-pk")[:EVENTS])
    keys = {event.facts["by"] for event in events if event.facts.get("by")}
    people = get_user_model()._base_manager.using(session_alias()).filter(pk__in=keys)
    names = {str(one.pk): str(one) for one in people}
    return [ShownEvent(event, list(_remarks(event.facts, names))) for event in events]


def _remarks(facts: dict[str, Any], names: dict[str, str]) -> Any:
    """Yield what the facts of an event come to, in words."""
    if "method" in facts:
        method = name_of_method(facts["method"])
        yield f"{method} “{facts['name']}”" if facts.get("name") else method
    if "remaining" in facts:
        yield say_codes_left(facts["remaining"])
    if "devices" in facts:
        yield say_devices(facts["devices"])
    if "sessions" in facts:
        yield say_sessions(facts["sessions"])
    if facts.get("by"):
        yield gettext("By %(operator)s.") % {"operator": names.get(facts["by"], facts["by"])}
    if facts.get("reason"):
        yield gettext("Reason: %(reason)s") % {"reason": facts["reason"]}


def say_codes_left(count: int) -> str:
    return ngettext("%(count)d code left", "%(count)d codes left", count) % {"count": count}


def say_devices(count: int) -> str:
    return ngettext("%(count)d device was removed.", "%(count)d devices were removed.", count) % {
        "count": count
    }


def say_sessions(count: int) -> str:
    return ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count) % {
        "count": count
    }
