"""One page of figures: what there is now, and what happened in the last days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.generic import TemplateView

from jwt_sessions.admin.overview.amounts import grouped, say, say_share
from jwt_sessions.admin.overview.charts import Tone, chart
from jwt_sessions.conf import conf
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.sessions.figures import DAYS, read_figures
from jwt_sessions.sessions.figures.numbers import Number

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.urls import URLPattern

    from jwt_sessions.admin.overview.charts import Chart
    from jwt_sessions.admin.sessions import SessionAdmin
    from jwt_sessions.models import BulkRevocation
    from jwt_sessions.sessions.figures import Figures

VIEW_REVOKED: Final = "jwt_sessions.view_revokedsession"
VIEW_EVENTS: Final = "jwt_sessions.view_securityevent"
VIEW_BULK: Final = "jwt_sessions.view_bulkrevocation"
# What is under way is shown up to so many.
UNFINISHED: Final = 10


class OverviewView(TemplateView):
    """The figures of all sessions, for whoever may see them. It costs the same at any size."""

    template_name = "admin/jwt_sessions/overview.html"
    http_method_names = ["get", "head"]
    model_admin: SessionAdmin = None  # type: ignore[assignment]  # given to as_view()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not self.model_admin.has_view_permission(request):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        figures = read_figures()
        tones = reasons_of(figures)
        return {
            **super().get_context_data(**kwargs),
            **self.model_admin.admin_site.each_context(self.request),
            "opts": Session._meta,
            "title": _("Overview"),
            "tiles": self.tiles(figures),
            "unfinished": self.unfinished(figures.unfinished),
            "charts": self.charts(figures, tones),
            "tones": tones,
            "rows": rows_of(figures, tones),
            "totals": totals_of(figures, tones),
            "first_day": figures.days[0].date,
            "last_day": figures.days[-1].date,
            "has_estimates": figures.has_estimates,
            "may_be_cleared": conf.SESSION_LIFETIME.days < DAYS,
            "time_zone": timezone.get_default_timezone_name(),
        }

    def tiles(self, figures: Figures) -> list[dict[str, str]]:
        """Return the numbers of this moment."""
        live = figures.live
        with_factor = _("%(number)s sessions") % {"number": say(live.with_second_factor)}
        return [
            {
                "label": _("Live sessions"),
                "number": say(live.sessions),
                "link": self.link("session_changelist"),
            },
            {"label": _("People signed in"), "number": say(live.people)},
            {
                "label": _("Signed in with a second factor"),
                "number": say_share(live),
                "note": with_factor if live.sessions.value else "",
            },
        ]

    def charts(self, figures: Figures, tones: list[Tone]) -> list[tuple[Chart, str]]:
        """Return the charts of the last days, each with the address of its list."""
        days = figures.days
        sign_ins = [(day.date, {"sign_ins": day.sign_ins}) for day in days]
        reuses = [(day.date, {"token_reused": day.reuses}) for day in days]
        one, other = Tone("sign_ins", "", "sign_ins"), Tone("token_reused", "", "token_reused")
        revoked = [(day.date, day.revocations) for day in days]
        revoked_link = self.link("revokedsession_changelist", VIEW_REVOKED)
        events_link = self.link("securityevent_changelist", VIEW_EVENTS)
        return [
            (chart("sign-ins", _("Sign-ins"), sign_ins, [one]), ""),
            (chart("revocations", _("Revocations by reason"), revoked, tones), revoked_link),
            (chart("reuses", _("Refresh tokens reused"), reuses, [other]), events_link),
        ]

    def unfinished(self, records: list[BulkRevocation]) -> list[dict[str, Any]]:
        """Return the bulk revocations that are to be gone on with, and where."""
        shown = []
        for record in records[:UNFINISHED]:
            link = self.link("bulkrevocation_change", VIEW_BULK, record.pk)
            total = Number(record.total, is_estimate=record.total_is_estimate)
            words = {"done": grouped(record.done), "total": say(total)}
            text = _("%(done)s of %(total)s sessions revoked") % words
            shown.append({"record": record, "link": link, "progress": text})
        return [each for each in shown if each["link"]]

    def link(self, name: str, permission: str = "", *args: Any) -> str:
        """Return the address of a page of this site, if it has it and the operator may see it."""
        if permission and not self.request.user.has_perm(permission):
            return ""
        site = self.model_admin.admin_site.name
        try:
            return reverse(f"admin:jwt_sessions_{name}", args=args, current_app=site)
        except NoReverseMatch:
            return ""


def overview_path(model_admin: SessionAdmin) -> URLPattern:
    """Return where the page is, among those of the sessions' admin."""
    view = model_admin.admin_site.admin_view(OverviewView.as_view(model_admin=model_admin))
    return path("overview/", view, name="jwt_sessions_overview")


def reasons_of(figures: Figures) -> list[Tone]:
    """Return why sessions were revoked in these days, in the order of all reasons."""
    found = {why for day in figures.days for why in day.revocations}
    known = [Tone(why, str(label), why) for why, label in RevokedReason.choices if why in found]
    # A reason may come from a newer version of ours, or from a program that gave none.
    unknown = sorted(found - set(RevokedReason.values))
    return known + [Tone(why, why or _("without a reason"), "other") for why in unknown]


def rows_of(figures: Figures, tones: list[Tone]) -> list[dict[str, Any]]:
    """Return the rows of the table, the latest day first."""
    return [
        {
            "date": day.date,
            "numbers": [
                say(number)
                for number in (
                    day.sign_ins,
                    day.reuses,
                    day.revoked,
                    *(day.revocations.get(tone.name, Number(0)) for tone in tones),
                )
            ],
        }
        for day in reversed(figures.days)
    ]


def totals_of(figures: Figures, tones: list[Tone]) -> list[str]:
    """Return the last row of the table."""
    days = figures.days
    columns = [
        [day.sign_ins for day in days],
        [day.reuses for day in days],
        [day.revoked for day in days],
        *([day.revocations.get(tone.name, Number(0)) for day in days] for tone in tones),
    ]
    return [say(Number.sum(column)) for column in columns]
