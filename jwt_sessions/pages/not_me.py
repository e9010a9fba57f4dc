"""The link of a mail about a new device: ends that one session, and lets nobody in."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from jwt_sessions import notices, sessions
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.pages.devices import DeviceRow
from jwt_sessions.pages.page import as_page, render_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, HttpResponseBase


class NotMePage(View):
    """Ask, then end it. Whoever has the link may; it works once and for some days."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view."""
        return _kept_to_itself(as_page(super().as_view(**initkwargs)))

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Ask."""
        session = _find(token)
        if session is None:
            return _show_over(request)
        context = {"title": _("Was this not you?"), "row": DeviceRow(session)}
        return render_page(request, "not_me.html", context)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Do it."""
        session = _find(token)
        reason = RevokedReason.SIGNED_OUT_REMOTELY
        if session is None or not sessions.revoke(session.pk, reason=reason, request=request):
            return _show_over(request)
        context = {"title": _("That device is signed out"), "is_done": True}
        return render_page(request, "not_me.html", context)


def _kept_to_itself(view: Any) -> Any:
    """Return `view`, whose address no other site is told."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        response["Referrer-Policy"] = "same-origin"
        return response

    return answer


def _find(token: str) -> Session | None:
    sid = notices.read_link_token(token)
    if sid is None:
        return None
    return Session.objects.live().select_related("refresh_token").filter(pk=sid).first()


def _show_over(request: HttpRequest) -> HttpResponse:
    """Say the same of a link that is none, is too old or was used, and of a session that ended."""
    context = {"title": _("There is nothing left to sign out"), "is_over": True}
    return render_page(request, "not_me.html", context)
