"""Filters of the lists: what they ask of each row, or which part of the list they are."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Concat
from django.db.models.lookups import Exact, GreaterThan, LessThanOrEqual
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from jwt_sessions.admin.lists.finding import find_record
from jwt_sessions.admin.permissions import may_view
from jwt_sessions.models import (
    RefreshToken,
    RevokedReason,
    SecurityEventKind,
    SessionKind,
    session_alias,
)
from jwt_sessions.models.identifiers import least_uuid7
from jwt_sessions.sessions.criteria import CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.http import HttpRequest

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9000


class ChoiceFilter(admin.SimpleListFilter):
    """One of some values."""

    def value_among(self) -> str | None:
        value: str | None = self.value()
        return value if value in dict(self.lookup_choices) else None


class StateFilter(ChoiceFilter):
    """Live, expired or revoked, as it is recorded."""

    title = pgettext_lazy("of a session", "state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("live", pgettext("state of a session", "live")),
            ("expired", pgettext("state of a session", "expired")),
            ("revoked", pgettext("state of a session", "revoked")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        now, idle_end = timezone.now(), _idle_end()
        if self.value() == "live":
            return queryset.unexpired(now).unrevoked().filter(GreaterThan(idle_end, now))
        if self.value() == "expired":
            is_unused = Q(LessThanOrEqual(idle_end, now))
            return queryset.unrevoked().filter(Q(expires_at__lte=now) | is_unused)
        return queryset.revoked() if self.value() == "revoked" else queryset


def _idle_end() -> Subquery:
    """Return when a session ends unless it is used, looked up for each row.

    PostgreSQL may read all refresh tokens where they are asked for by a join or by EXISTS.
    """
    tokens = RefreshToken.objects.filter(pk=OuterRef("pk"))
    return Subquery(tokens.values("idle_expires_at"))


class SecondFactorFilter(ChoiceFilter):
    """Whether a second factor was proven."""

    title = _("second factor")
    parameter_name = "second_factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext("Yes")), ("no", gettext("No"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        without = CONDITIONS["without_second_factor"](True)
        if self.value() == "no":
            return queryset.filter(without)
        return queryset.filter(~without) if self.value() == "yes" else queryset


class ReasonFilter(ChoiceFilter):
    """Why a session was revoked."""

    title = _("why revoked")
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return RevokedReason.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        reason = self.value_among()
        return queryset.filter(revoked_reason=reason) if reason else queryset


class KindFilter(ChoiceFilter):
    """What carries the session."""

    title = pgettext_lazy("of a session", "kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return SessionKind.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        kind = self.value_among()
        return queryset.filter(kind=kind) if kind else queryset


class EventKindFilter(ChoiceFilter):
    """What happened."""

    title = pgettext_lazy("of a security event", "kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return SecurityEventKind.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        kind = self.value_among()
        if kind is None:
            return queryset
        # As an expression: SQLite would else go through all of a kind, by their index.
        return queryset.filter(Exact(Concat("kind", Value("")), kind))


class PersonFilter(ChoiceFilter):
    """Whose they are, where an address says so: there are too many people to offer them all."""

    title = _("user")
    parameter_name = "user"
    # The list finds them itself, by index.
    goes_by_key = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        text = request.GET.get(self.parameter_name)
        if not text:
            return []
        people = get_user_model()._base_manager.using(session_alias())
        with suppress(ObjectDoesNotExist, ValidationError, ValueError, TypeError, OverflowError):
            person = people.get(pk=text)
            if self._may_tell(person, request, model_admin):
                return [(text, str(person))]
        return [(text, gettext("nobody"))]

    def _may_tell(self, person: Any, request: HttpRequest, model_admin: Any) -> bool:
        """Return whether an operator may learn who that is: it is told by rows of the list too."""
        is_open = may_view(get_user_model(), model_admin.admin_site, request)
        return is_open or model_admin.model._base_manager.filter(user=person.pk).exists()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset


class BulkFilter(ChoiceFilter):
    """By which bulk revocation, where an address says so."""

    title = _("bulk revocation")
    parameter_name = "bulk_revocation"
    goes_by_key = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        text = request.GET.get(self.parameter_name)
        return [(text, text)] if text else []

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Go to the time in which it ran."""
        record = find_record(self.value())
        if record is None:
            return queryset
        rows = queryset.filter(revoked_at__gte=record.started_at)
        return rows.filter(revoked_at__lte=record.finished_at) if record.finished_at else rows


class DaysFilter(admin.ListFilter):
    """From one day to another: two dates in the address, which are a part of the list by key."""

    template = "admin/jwt_sessions/days_filter.html"
    goes_by_key = True
    first_name = "from"
    last_name = "to"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.days: dict[str, date] = {}
        for name in (self.first_name, self.last_name):
            values = params.pop(name, [""])
            if day := _read_day(values[-1]):
                self.days[name] = day

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.first_name, self.last_name]

    def choices(self, changelist: Any) -> Iterator[Any]:
        names = (self.first_name, self.last_name)
        params = changelist.params.items()
        self.others = [(name, value) for name, value in params if name not in names]
        now = timezone.now()
        today = (timezone.localtime(now) if timezone.is_aware(now) else now).date()
        for title, days in (
            (gettext("Any time"), None),
            (gettext("Today"), 0),
            (gettext("Last 7 days"), 6),
            (gettext("Last 30 days"), 29),
        ):
            first = None if days is None else today - timedelta(days=days)
            asked = dict.fromkeys(names) | {self.first_name: first and first.isoformat()}
            is_chosen = (self.first_day, self.last_day) == (first, None)
            link = changelist.get_query_string(asked)
            yield {"selected": is_chosen, "query_string": link, "display": title}

    @property
    def first_day(self) -> date | None:
        """From which day on."""
        return self.days.get(self.first_name)

    @property
    def last_day(self) -> date | None:
        """Up to the end of which day."""
        return self.days.get(self.last_name)

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.first_day:
            queryset = queryset.filter(**self.since(_midnight(self.first_day)))
        if self.last_day:
            queryset = queryset.filter(**self.until(_midnight(self.last_day + timedelta(days=1))))
        return queryset

    def since(self, moment: datetime) -> dict[str, Any]:
        raise NotImplementedError

    def until(self, moment: datetime) -> dict[str, Any]:
        raise NotImplementedError


class SignedInFilter(DaysFilter):
    """When the session began, which its id tells."""

    title = _("day of sign-in")

    def since(self, moment: datetime) -> dict[str, Any]:
        return {"pk__gte": least_uuid7(moment)}

    def until(self, moment: datetime) -> dict[str, Any]:
        return {"pk__lt": least_uuid7(moment)}


class RevokedFilter(DaysFilter):
    """When the session was revoked."""

    title = _("day of revocation")

    def since(self, moment: datetime) -> dict[str, Any]:
        return {"revoked_at__gte": moment}

    def until(self, moment: datetime) -> dict[str, Any]:
        return {"revoked_at__lt": moment}


def _read_day(text: str) -> date | None:
    with suppress(ValueError):
        day = parse_date(text)
        return day if day and FIRST_YEAR <= day.year <= LAST_YEAR else None
    return None


def _midnight(day: date) -> datetime:
    moment = datetime.combine(day, time.min)
    return timezone.make_aware(moment) if timezone.is_aware(timezone.now()) else moment
