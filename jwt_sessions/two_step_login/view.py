"""A login in two steps: the password, then a code."""

from __future__ import annotations

import logging
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import django_otp
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.http import HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions import mfa
from jwt_sessions.browser_sessions.destinations import are_pages_mounted
from jwt_sessions.browser_sessions.logins import LoginRefused, proven_by
from jwt_sessions.browser_sessions.visits import visit_of
from jwt_sessions.claims import AMR_PASSWORD, add_factor
from jwt_sessions.exceptions import (
    BadKey,
    NotDelivered,
    SessionLimitReached,
    TooSoon,
    UserGone,
)
from jwt_sessions.http_errors import ServiceUnavailable
from jwt_sessions.mfa.events import name_of_method
from jwt_sessions.mfa.pending_logins import OVER
from jwt_sessions.models.recovery_codes import RECOVERY_CODE
from jwt_sessions.sessions import Refusal
from jwt_sessions.throttling import CodeThrottle, SignInThrottle
from jwt_sessions.two_step_login.awaited import Awaited, person_of
from jwt_sessions.two_step_login.forms import CodeForm
from jwt_sessions.two_step_login.words import (
    recovery_codes_left,
    too_many_messages,
    too_many_tries,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

WRONG_CODE: Final = _(
    "The password was right, but this code is not valid. Please try the next one. After several "
    "wrong codes, none is valid for a while."
)
WRONG_CODE_IN_SESSION: Final = _(
    "This code is not valid. Please try the next one. After several wrong codes, none is valid for "
    "a while."
)
LOGIN_OVER: Final = _("This login took too long, or is complete. Please log in again.")
NOT_ENROLLED: Final = _(
    "Your account needs a second factor and has none yet. Please set one up first, then log in "
    "here again."
)
UNAVAILABLE: Final = _("The login is unavailable for the moment. Please try again.")
TOO_MANY_SESSIONS: Final = _(
    "You are signed in on as many devices as is allowed. Sign out on one of them first."
)
NOT_SENT: Final = _("The code could not be sent. Please try again, or use another method.")


class TwoStepLoginView(LoginView):
    """Ask for the password, then for a code where there is a second factor.

    Who has a cookie session from elsewhere is asked for the code only. The password is kept
    nowhere: the page of the second step carries an `mfa_token`. A subclass says who is let in
    (``get``, ``is_half_way_in``), by which form and to where.
    """

    password_title: Any = _("Log in")
    code_title: Any = _("Enter your code")
    has_failed = False

    def is_half_way_in(self) -> bool:
        """Return whether nothing but a code is missing of who is signed in by cookie."""
        raise NotImplementedError

    def show_due_step(self) -> HttpResponse:
        """Ask who is half way in for the code, others for the password."""
        if not self.is_half_way_in():
            return self.ask_for_password()
        awaited = Awaited.after_session(self.request)
        if awaited is not None:
            return self.ask_for_code(awaited)
        # Perhaps the last one was removed meanwhile, elsewhere.
        is_missing = mfa.is_required(person_of(self.request))
        return self.ask_for_password(alert=NOT_ENROLLED if is_missing else "")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Take a password, or a code, or a wish of the page that asks for it."""
        try:
            if "start_over" in request.POST:
                return self.start_over()
            if "mfa_token" in request.POST:
                return self.limited(CodeThrottle(), self.take_second_step)
            return self.limited(SignInThrottle(), self.take_password)
        except (BadKey, ServiceUnavailable):
            logger.exception("nobody can log in")
            wait = ServiceUnavailable.wait
            return self.ask_for_password(alert=UNAVAILABLE, status=503, wait=wait)
        except LoginRefused as error:
            is_limit = isinstance(error.__cause__, SessionLimitReached)
            return self.ask_for_password(alert=TOO_MANY_SESSIONS if is_limit else LOGIN_OVER)

    def limited(self, throttle: SignInThrottle, act: Callable[[], HttpResponse]) -> HttpResponse:
        """Do `act` within a limit, and tell the limit what came of it."""
        try:
            if throttle.allow(self.request, name=self.name_typed()):
                return act()
            return self.ask_again_in(throttle.wait() or 1)
        finally:
            throttle.settle(has_failed=self.has_failed)

    def name_typed(self) -> str:
        """Return who somebody says they are."""
        return self.request.POST.get("username", "").strip()

    def start_over(self) -> HttpResponse:
        """Ask for another person's password."""
        return self.ask_for_password()

    def ask_again_in(self, wait: int) -> HttpResponse:
        """Show the same step, and when there may be room for another try."""
        refused: Any = {"alert": too_many_tries(wait), "status": 429, "wait": wait}
        awaited = self.find_awaited() if "mfa_token" in self.request.POST else None
        return (
            self.ask_for_code(awaited, **refused) if awaited else self.ask_for_password(**refused)
        )

    def take_password(self) -> HttpResponse:
        """Let in who needs no second factor, and ask others for it."""
        form: Any = self.get_form()
        try:
            awaited = Awaited.after_password(form.get_user()) if form.is_valid() else None
        except UserGone:
            form.add_error(None, form.get_invalid_login_error())
        if not form.is_valid():
            self.has_failed = form.is_tried
            return self.ask_for_password(form)
        if awaited is not None:
            return self.ask_for_code(awaited)
        if mfa.is_required(form.get_user()) and not self.leads_to_enrollment:
            return self.ask_for_password(alert=NOT_ENROLLED)
        with proven_by([AMR_PASSWORD]):
            login(self.request, form.get_user())
        return HttpResponseRedirect(self.get_success_url())

    @property
    def leads_to_enrollment(self) -> bool:
        """Whether who has no second factor, and must, is sent to the page to set one up."""
        return visit_of(self.request) is not None and are_pages_mounted()

    def take_second_step(self) -> HttpResponse:
        """Take a code, or send one, for whoever's code is awaited."""
        awaited = self.find_awaited()
        if awaited is None:
            self.has_failed = True
            return self.ask_for_password(alert=LOGIN_OVER)
        if method := self.request.POST.get("send"):
            return self.send_code(awaited, method)
        if "use_recovery_code" in self.request.POST:
            return self.ask_for_code(awaited)
        form = self.code_form(self.request.POST)
        if not form.is_valid():
            return self.ask_for_code(awaited, form)
        return self.take_code(awaited, form)

    def find_awaited(self) -> Awaited | None:
        """Return whose code is awaited: who gave the password here, or a session elsewhere."""
        posted = self.request.POST
        if posted["mfa_token"]:
            return Awaited.find(posted["mfa_token"], posted.get("backend", ""))
        return Awaited.after_session(self.request) if self.is_half_way_in() else None

    def take_code(self, awaited: Awaited, form: CodeForm) -> HttpResponse:
        """Let in who has a good code; a wrong one and a locked factor look alike."""
        outcome = awaited.prove(form.cleaned_data["code"], request=self.request)
        if not isinstance(outcome, Refusal):
            proof, left = outcome
            return self.let_in(awaited, proof, left)
        self.has_failed = True
        if outcome.reason in OVER:
            return self.ask_for_password(alert=LOGIN_OVER)
        form.add_error("code", WRONG_CODE if awaited.mfa_token else WRONG_CODE_IN_SESSION)
        return self.ask_for_code(awaited, form)

    def let_in(self, awaited: Awaited, proof: mfa.Proof, codes_left: int | None) -> HttpResponse:
        """Sign in, and put on the cookie session by which device."""
        visit = visit_of(self.request)
        if visit is not None and visit.credential is not None and not awaited.mfa_token:
            if not visit.prove(add_factor(visit.credential.amr, proof.amr)):
                return self.ask_for_password(alert=LOGIN_OVER)
        else:
            with proven_by(add_factor([AMR_PASSWORD], proof.amr)):
                login(self.request, awaited.user, backend=awaited.backend)
            # login() keeps the key of a session that is this person's already; now it is worth
            # more.
            self.request.session.cycle_key()
        django_otp.login(self.request, proof.device.rows().first())
        if codes_left is not None:
            messages.warning(self.request, recovery_codes_left(codes_left), fail_silently=True)
        return HttpResponseRedirect(self.get_success_url())

    def send_code(self, awaited: Awaited, method: str) -> HttpResponse:
        """Have a code sent by one of the person's methods."""
        try:
            outcome = mfa.messages.send_to(awaited.user, method)
        except TooSoon as error:
            alert = too_many_messages(error.wait)
            return self.ask_for_code(awaited, alert=alert, status=429, wait=error.wait)
        except NotDelivered:
            wait = ServiceUnavailable.wait
            return self.ask_for_code(awaited, alert=NOT_SENT, status=503, wait=wait)
        if isinstance(outcome, Refusal):
            return self.ask_for_code(awaited, alert=NOT_SENT)
        notice = gettext("A code was sent by %(method)s.") % {"method": name_of_method(method)}
        return self.ask_for_code(awaited, notice=notice)

    def ask_for_password(
        self, form: Any = None, *, alert: Any = "", status: int = 200, wait: int | None = None
    ) -> HttpResponse:
        """Show the first step."""
        form = form or self.get_form_class()(
            self.request, initial={"username": self.request.POST.get("username", "")}
        )
        context = {"form": form, "title": self.password_title, "alert": alert}
        return self.show(context, status=status, wait=wait)

    def ask_for_code(
        self, awaited: Awaited, form: CodeForm | None = None, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        """Show the second step."""
        devices = awaited.devices()
        senders = dict.fromkeys(device.method for device in devices if device.is_interactive)
        is_recovery_code = self.is_recovery_code
        has_recovery_codes = any(device.method == RECOVERY_CODE for device in devices)
        wait = context.pop("wait", None)
        context |= {
            "form": form or self.code_form(),
            "title": self.code_title,
            "awaited": awaited,
            "senders": [(method, name_of_method(method)) for method in senders],
            "is_recovery_code": is_recovery_code,
            "offers_recovery_code": has_recovery_codes and not is_recovery_code,
        }
        return self.show(context, status=status, wait=wait)

    def show(self, context: dict[str, Any], *, status: int, wait: int | None) -> HttpResponse:
        """Return the page, and in Retry-After when to come again."""
        headers = {} if wait is None else {"Retry-After": str(ceil(wait))}
        return self.render_to_response(
            self.get_context_data(**context), status=status, headers=headers
        )

    @property
    def is_recovery_code(self) -> bool:
        """Whether the person said that they want to type one."""
        posted = self.request.POST
        return "use_recovery_code" in posted or "is_recovery_code" in posted

    def code_form(self, data: Any = None) -> CodeForm:
        """Return the form of the second step, for the kind of code that is awaited."""
        return CodeForm(data, is_recovery_code=self.is_recovery_code)
