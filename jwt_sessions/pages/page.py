"""What the pages share: who may see them, and what each of them shows."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from jwt_sessions.autocommit import in_autocommit
from jwt_sessions.browser_sessions.destinations import CODE, ENROLLMENT, PAGES, SIGN_IN
from jwt_sessions.browser_sessions.visits import Visit, visit_of
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import UserGone
from jwt_sessions.http_errors import OUTAGES, ServiceUnavailable, is_outage
from jwt_sessions.mfa import has_second_factor, recovery_codes
from jwt_sessions.models.recovery_codes import CODES
from jwt_sessions.two_step_login.words import too_many_tries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpRequest, HttpResponse, HttpResponseBase

    from jwt_sessions.browser_sessions.credential import Credential
    from jwt_sessions.models import Session
    from jwt_sessions.throttling import CountingThrottle, SignInThrottle

    ShowPage = Callable[..., HttpResponse]

logger = logging.getLogger(__name__)


class Refused(Exception):
    """Another answer than the page is due: `response`."""

    def __init__(self, response: HttpResponseBase) -> None:
        super().__init__()
        self.response = response


def as_page(view: Any) -> Any:
    """Return `view` as all of ours are: never cached, and outside of the request's transaction.

    Each sees for itself who comes, so that a project's ``LoginRequiredMiddleware`` need not.
    """
    return in_autocommit(login_not_required(never_cache(csrf_protect(_or_unavailable(view)))))


def _or_unavailable(view: Any) -> Any:
    """Return `view`, with a page of its own for where the database or the keys are away."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = view(request, *args, **kwargs)
        except OUTAGES as error:
            if not is_outage(error):
                raise
            logger.exception("a page cannot be shown")
            return unavailable(request)
        return response

    return answer


@method_decorator(sensitive_post_parameters(), name="dispatch")
class Page(View):
    """A page of somebody who is signed in, and has nothing else to do first."""

    template_name: ClassVar[str]
    title: Any = ""
    # Whether it is for those too who must set up a second factor before anything else.
    admits_enrollment: ClassVar[bool] = False
    # Whether it asks for a recent login, by both factors for who has two.
    needs_recent_login: ClassVar[bool] = False

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view."""
        return as_page(super().as_view(**initkwargs))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer who may come; send others to where they may."""
        try:
            self.refuse()
            return super().dispatch(request, *args, **kwargs)
        except Refused as refusal:
            return refusal.response
        except UserGone:
            return self.send_to(SIGN_IN)

    def refuse(self) -> None:
        """Raise ``Refused`` for who must do something else first."""
        # Who it is, is found out when it is asked.
        is_in = self.request.user.is_authenticated
        if not is_in and self.visit.person is None:
            raise Refused(self.send_to(SIGN_IN, and_back=True))
        due = self.visit.due
        if due == CODE or (due == ENROLLMENT and not self.admits_enrollment):
            raise Refused(self.send_to(due, and_back=True))
        if self.needs_recent_login:
            self.ask_for_recent_login()

    def ask_for_recent_login(self) -> None:
        """Raise ``Refused`` for who has not proven lately, by all they have, that it is them."""
        if not self.credential.is_recent(conf.RECENT_LOGIN_MAX_AGE):
            raise Refused(self.send_to("confirm", and_back=True))
        self.ask_for_both_factors()

    def ask_for_both_factors(self) -> None:
        """Raise ``Refused`` for who has a second factor, and has not proven it in this session."""
        if not self.credential.has_proven_factors and has_second_factor(self.person):
            raise Refused(self.send_to("confirm", and_back=True))

    @property
    def visit(self) -> Visit:
        """What is known of the browser."""
        visit = visit_of(self.request)
        if visit is None:
            raise ImproperlyConfigured(
                "The pages need jwt_sessions.middleware.AuthenticationMiddleware in MIDDLEWARE."
            )
        return visit

    @property
    def person(self) -> Any:
        """Who is signed in."""
        return self.visit.person

    @property
    def session(self) -> Session:
        """The session of this browser."""
        session = self.visit.session
        if session is None:
            raise Refused(self.send_to(SIGN_IN))
        return session

    @property
    def credential(self) -> Credential:
        """What was proven in it."""
        credential = self.visit.credential
        if credential is None:
            raise Refused(self.send_to(SIGN_IN))
        return credential

    def send_to(
        self, name: str, *args: Any, and_back: bool = False, query: dict[str, str] | None = None
    ) -> HttpResponseRedirect:
        """Return a redirect to another page; `and_back` lets that one lead here again.

        Or to the overview, where only a form leads here.
        """
        query = dict(query or {})
        if and_back:
            here = self.request.get_full_path()
            query["next"] = here if hasattr(self, "get") else reverse(f"{PAGES}:overview")
        address = reverse(name if ":" in name else f"{PAGES}:{name}", args=args)
        return HttpResponseRedirect(f"{address}?{urlencode(query)}" if query else address)

    def say(self, text: Any, *, level: int = messages.SUCCESS) -> None:
        """Let the next page say something."""
        messages.add_message(self.request, level, text, fail_silently=True)

    def show(self, *, status: int = 200, wait: int | None = None, **context: Any) -> HttpResponse:
        """Return the page, and in Retry-After when to come again."""
        everywhere = {
            "title": self.title,
            "person": self.person,
            "current": self.request.resolver_match and self.request.resolver_match.url_name,
            "codes_left": recovery_codes.left_of(self.person),
            "few": recovery_codes.FEW,
            "codes_in_all": CODES,
            "has_password": has_password(self.person),
        }
        response = render_page(self.request, self.template_name, {**everywhere, **context}, status)
        if wait is not None:
            response["Retry-After"] = str(ceil(wait))
        return response


def has_password(person: Any) -> bool:
    """Return whether somebody has a password to change: not who signs in elsewhere."""
    return hasattr(person, "has_usable_password") and bool(person.has_usable_password())


def render_page(
    request: HttpRequest, template_name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Return a page in the frame of this site."""
    context = {"site": conf.MFA_ISSUER_NAME, **context}
    return render(request, f"jwt_sessions/pages/{template_name}", context, status=status)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return what is said where the database or the keys cannot be read."""
    context = {"title": _("Not just now"), "text": ServiceUnavailable.default_detail}
    response = render_page(request, "unavailable.html", context, 503)
    response["Retry-After"] = str(ServiceUnavailable.wait)
    return response


@dataclass
class Try:
    """One of a limited number of tries; whether it `has_failed` is said by who judges it."""

    has_failed: bool = False


@contextmanager
def limited(
    request: HttpRequest, throttle: SignInThrottle, *, show: ShowPage, name: str = ""
) -> Iterator[Try]:
    """Let one try through, or show the page again and when there may be room for another."""
    this = Try()
    try:
        if not throttle.allow(request, name=name):
            raise Refused(too_many(throttle, show))
        yield this
    finally:
        throttle.settle(has_failed=this.has_failed)


def too_many(throttle: CountingThrottle, show: ShowPage) -> HttpResponse:
    """Return the page, and when there may be room for another try."""
    wait = throttle.wait() or 1
    return show(status=429, wait=wait, alert=too_many_tries(wait))


def page_not_found() -> Http404:
    """Return the same for what is not there and what is somebody else's."""
    return Http404(gettext("There is no such page."))
