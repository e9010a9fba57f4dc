"""Django's ``AuthenticationMiddleware``, for browser sessions that can be revoked."""

from __future__ import annotations

import logging
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import middleware
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.functional import SimpleLazyObject

from jwt_sessions.browser_sessions.destinations import are_pages_mounted, send, wants_page
from jwt_sessions.browser_sessions.finishing import finish
from jwt_sessions.browser_sessions.logins import watch_flush
from jwt_sessions.browser_sessions.visits import Visit, visit_of
from jwt_sessions.http_errors import OUTAGES, ServiceUnavailable, is_outage

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

logger = logging.getLogger(__name__)


class Unjudged(Exception):
    """Nobody can tell just now whether a browser is signed in."""


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """Put ``request.user`` on a request, as Django's does, if the session lives.

    Takes the place of Django's own in ``MIDDLEWARE``. It asks one query where Django asks one: the
    session together with its user. Every five minutes of use it writes when the session was last
    seen. Who still has to enter a code is nobody yet, and sent to the page for it.
    """

    # By this, also in a subclass of a project's own, the app knows that it is in force.
    keeps_browser_sessions = True

    def process_request(self, request: HttpRequest) -> None:
        """Let ``request.user`` and ``request.auser`` find out when they are asked."""
        super().process_request(request)
        visit = Visit(request)
        watch_flush(visit)
        find = partial(_find_user, visit)
        request.user = SimpleLazyObject(find)  # type: ignore[assignment]  # as Django's own does
        request.auser = sync_to_async(find)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Write down what the request has shown, and send on who has something to do first."""
        visit = visit_of(request)
        if visit is None:
            return response
        if visit.is_unjudged and response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            return _unavailable()  # another middleware asked who that is, and Django had no answer
        try:
            finish(visit)
        except OUTAGES as error:
            if not is_outage(error):
                raise
            # It was answered, and the next request will show the same.
            logger.exception("what a request has shown of its session cannot be written")
        if visit.due is None or not are_pages_mounted():
            return response
        has_logged_in = visit.is_new and not visit.is_adopted
        if has_logged_in and isinstance(response, HttpResponseRedirect):
            return send(visit.due, afterwards=response.url, instead_of=response)
        if wants_page(request):
            here = request.get_full_path()
            return send(visit.due, afterwards=here, instead_of=response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 where nobody can be judged; all else is the project's own."""
        return _unavailable() if isinstance(exception, Unjudged) else None


def _unavailable() -> HttpResponse:
    text = str(ServiceUnavailable.default_detail)
    headers = {"Retry-After": str(ServiceUnavailable.wait), "Cache-Control": "no-store"}
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return HttpResponse(text, status=status, content_type="text/plain", headers=headers)


def _find_user(visit: Visit) -> Any:
    request: Any = visit.request
    if not hasattr(request, "_cached_user"):
        try:
            request._cached_user = visit.find_user()  # noqa: SLF001 - Django keeps it there
        except OUTAGES as error:
            if not is_outage(error):
                raise
            logger.exception("a browser session cannot be judged")
            visit.is_unjudged = True
            raise Unjudged from error
    return request._cached_user  # noqa: SLF001
