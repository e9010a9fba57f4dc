"""The admin's login, which asks for a second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpResponseRedirect
from django.urls import reverse

from jwt_sessions.two_step_login.forms import password_form
from jwt_sessions.two_step_login.view import TwoStepLoginView

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.admin import AdminSite
    from django.http import HttpRequest, HttpResponse

TEMPLATE: Final = "admin/jwt_sessions/login.html"


class AdminLoginView(TwoStepLoginView):
    """The two steps, as an admin site shows them, and for whom it is."""

    template_name = TEMPLATE
    base_template = ""
    site: AdminSite = None  # type: ignore[assignment]  # given to as_view()
    is_allowed: Callable[[HttpRequest], bool] = None  # type: ignore[assignment]  # given to as_view()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the step that is due, or lead in who is in."""
        if self.site.has_permission(request):
            return HttpResponseRedirect(self.get_default_redirect_url())
        return self.show_due_step()

    def is_half_way_in(self) -> bool:
        """Return whether the site itself would let them in."""
        return self.is_allowed(self.request)

    def get_form_class(self) -> Any:
        """Return the site's form of the first step, or Django's."""
        return password_form(self.site.login_form or AdminAuthenticationForm)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what Django's admin gives to its login page, and ours."""
        defaults = {
            **self.site.each_context(self.request),
            "base_template": self.base_template,
            "subtitle": None,
            "app_path": self.request.get_full_path(),
            "username": self.request.user.get_username(),
        }
        context = super().get_context_data(**{**defaults, **kwargs})
        return {**context, self.redirect_field_name: self.get_success_url()}

    def get_default_redirect_url(self) -> str:
        """Return where to go from here, if nobody says it: the index."""
        return reverse("admin:index", current_app=self.site.name)
