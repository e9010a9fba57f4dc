"""The same, with pages of the names that those of this app have."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import include, path

from jwt_sessions.browser_sessions.visits import visit_of
from tests.browser_urls import urlpatterns as others


def sign_in(request):
    """Prove a code, as the page does, or tell who is asked for one."""
    visit = visit_of(request)
    assert not request.user.is_authenticated or visit.due is None
    if request.method == "POST":
        visit.prove(["pwd", "otp", "mfa"])
    return HttpResponse(f"{visit.person} {request.user.get_username()}")


pages = [path("sign-in/", sign_in, name="sign_in"), path("2fa/", sign_in, name="second_factor")]

urlpatterns = [path("account/", include((pages, "jwt_sessions_pages"))), *others]
