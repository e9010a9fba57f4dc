"""URLs of a project with our pages, a page of its own, and ways in of its own."""

from __future__ import annotations

from django.contrib.auth import get_user_model, login
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import include, path

from tests import urls
from tests.admin_urls import site


def whoami(request):
    return HttpResponse(request.user.get_username())


def become(request):
    """Sign in as somebody, by whatever means a project has: no code is asked for."""
    login(request, get_user_model().objects.get_by_natural_key(request.POST["username"]))
    return HttpResponseRedirect("/whoami/")


urlpatterns = [
    path("account/", include("jwt_sessions.pages.urls")),
    path("admin/", site.urls),
    path("protected/", urls.ProtectedView.as_view()),
    path("whoami/", whoami),
    path("become/", become),
    path("api/auth/", include("jwt_sessions.api.urls")),
]
