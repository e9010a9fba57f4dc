"""The page on which a bulk revocation runs: in short steps, each asked for by the page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import Http404, JsonResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions import sessions
from jwt_sessions.admin.bulk.pages import BulkPage
from jwt_sessions.admin.bulk.words import (
    percent_of,
    read_criteria,
    tell_criteria_of,
    tell_duration,
    tell_progress,
)
from jwt_sessions.admin.permissions import must_spare_superusers
from jwt_sessions.browser_sessions.visits import visit_of
from jwt_sessions.models import BulkRevocation

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

logger = logging.getLogger(__name__)

# Which record was just confirmed: its page starts by itself, once. Not in the address: a link that
# somebody else has made must not start anything.
START: Final = "jwt_sessions_bulk_start"
SECONDS: Final = 1.0
CONFLICT: Final = 409
UNAVAILABLE: Final = 503
NOT_READABLE: Final = _("A program has put this on record; only a program can go on with it.")
UNREACHABLE: Final = _("The database did not do it. What is revoked stays revoked.")


def may_run(record: BulkRevocation, *, operator: Any) -> bool:
    """Return whether it leaves alone whom `operator` must leave alone."""
    criteria = record.criteria if isinstance(record.criteria, dict) else {}
    return not must_spare_superusers(operator) or criteria.get("except_superusers") is True


class RecordPage(BulkPage):
    """A page about one record, for who may carry it out."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # Asked before the look-up, so that 404 tells nothing to who may not look.
        if not self.is_allowed(request):
            raise PermissionDenied
        record = BulkRevocation.objects.select_related("by").filter(pk=kwargs["pk"]).first()
        if record is None:
            raise Http404
        if not may_run(record, operator=request.user):
            raise PermissionDenied
        self.record: BulkRevocation = record
        return super().dispatch(request, *args, **kwargs)


class RunView(RecordPage):
    """How far it is, and the buttons to go on. Looking at it starts nothing."""

    http_method_names = ["get", "head"]
    template_name = "admin/jwt_sessions/bulkrevocation/run.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        record = self.record
        position = read_position(record, self.request.GET.get("position", ""))
        context = {
            "original": record,
            "title": self._title(),
            "criteria": tell_criteria_of(record),
            "is_readable": read_criteria(record) is not None,
            "starts": self._was_just_confirmed(),
            "position": write_position(record, position),
            "progress": tell_progress(record),
            "percent": percent_of(record),
            "may_download": self.model_admin.may_download(self.request),
        }
        if record.finished_at:
            context["duration"] = tell_duration(record.finished_at - record.started_at)
        return super().get_context_data(**context, **kwargs)

    def _was_just_confirmed(self) -> bool:
        if self.request.session.get(START) != self.record.pk:
            return False
        del self.request.session[START]
        return not self.record.is_finished

    def _title(self) -> str:
        name = {"id": self.record.pk}
        if self.record.is_finished:
            return gettext("Bulk revocation %(id)s is done") % name
        return gettext("Bulk revocation %(id)s") % name


class StepView(RecordPage):
    """Go on for about a second: JSON for the script, a way back to the page for a form."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if read_criteria(self.record) is None:
            return self.answer(error=NOT_READABLE, status=CONFLICT)
        position = read_position(self.record, request.POST.get("position", ""))
        try:
            position = sessions.revoke_some(
                self.record,
                position=position,
                seconds=SECONDS,
                last=_own_session(request),
                request=request,
            )
            self.record.refresh_from_db()
        except (DatabaseError, InterfaceError):
            logger.exception("a step of bulk revocation %s failed", self.record.pk)
            return self.answer(position, error=UNREACHABLE, status=UNAVAILABLE)
        return self.answer(position)

    def answer(
        self,
        position: sessions.Position | None = None,
        *,
        error: _StrPromise | str = "",
        status: int = 200,
    ) -> HttpResponse:
        signed = write_position(self.record, position)
        if self.request.headers.get("accept") != "application/json":
            if error:
                messages.error(self.request, error)
            query = urlencode({"position": signed}) if signed else ""
            return self.go_to("run", self.record.pk, query=query)
        facts = {
            "done": self.record.done,
            "is_finished": self.record.is_finished,
            "percent": percent_of(self.record),
            "progress": tell_progress(self.record),
            "position": signed,
            "error": str(error),
        }
        return JsonResponse(facts, status=status)


def _own_session(request: HttpRequest) -> UUID | None:
    """Return the browser session that the operator is signed in by, where there are such."""
    visit = visit_of(request)
    return None if visit is None or visit.session is None else visit.session.pk


def write_position(record: BulkRevocation, position: sessions.Position | None) -> str:
    """Write where a record is; "" at the beginning. Signed: a forged one could call it finished."""
    return _signer(record).sign_object(position.to_json()) if position else ""


def read_position(record: BulkRevocation, text: str) -> sessions.Position | None:
    """Return what was written for this record; anything else is its beginning."""
    try:
        return sessions.Position.from_json(_signer(record).unsign_object(text))
    except (signing.BadSignature, ValueError):
        return None


def _signer(record: BulkRevocation) -> signing.Signer:
    return signing.Signer(salt=f"jwt_sessions.admin.bulk.running.{record.pk}")
