"""Signing in, in two steps where there is a second factor, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from jwt_sessions.browser_sessions.destinations import CODE, ENROLLMENT
from jwt_sessions.browser_sessions.visits import visit_of
from jwt_sessions.conf import conf
from jwt_sessions.pages.page import Page, as_page, render_page
from jwt_sessions.two_step_login.forms import password_form
from jwt_sessions.two_step_login.view import TwoStepLoginView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class TwoStepPage(TwoStepLoginView):
    """The two steps in the frame of our pages."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view."""
        return as_page(super().as_view(**initkwargs))

    def get_default_redirect_url(self) -> str:
        """Return where to go from here, if nobody says it."""
        return reverse("jwt_sessions_pages:overview")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the template needs."""
        context = super().get_context_data(**kwargs)
        # Django's own puts a host in the place of the site's name.
        ours = {"site": conf.MFA_ISSUER_NAME, self.redirect_field_name: self.get_redirect_url()}
        return {**context, **ours}

    @property
    def due(self) -> str | None:
        """What is missing of who is half way in."""
        _ = self.request.user.is_authenticated  # found out when it is asked
        visit = visit_of(self.request)
        return None if visit is None else visit.due


class SignInPage(TwoStepPage):
    """Sign in, or enter the code that a login elsewhere has left out."""

    template_name = "jwt_sessions/pages/sign_in.html"
    password_title = _("Sign in")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the step that is due, or lead in who is in."""
        if request.user.is_authenticated or self.due == ENROLLMENT:
            return HttpResponseRedirect(self.get_success_url())
        return self.show_due_step()

    def is_half_way_in(self) -> bool:
        """Return whether a code is due."""
        return self.due == CODE

    def start_over(self) -> HttpResponse:
        """Ask for another person's password; who is half way in leaves."""
        if self.is_half_way_in():
            logout(self.request)
        return super().start_over()

    def get_form_class(self) -> Any:
        """Return the form of the first step."""
        return password_form(AuthenticationForm)


class SignOutPage(Page):
    """Ask, then sign out; a link alone does nothing."""

    template_name = "sign_out.html"
    title = _("Sign out")
    admits_enrollment = True

    def refuse(self) -> None:
        """Let in everybody: who is half way in may leave, too."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask, or say that it is done."""
        is_in = request.user.is_authenticated or self.visit.person is not None
        title = self.title if is_in else _("You are signed out")
        return render_page(request, self.template_name, {"title": title, "is_in": is_in})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do it."""
        logout(request)
        response = HttpResponseRedirect(resolve_url(conf.logout_redirect_url or request.path))
        # What scripts have kept of the person goes, too.
        response["Clear-Site-Data"] = '"storage"'
        return response
