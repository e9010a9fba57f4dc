"""URLs of a project whose people sign in by Django's own pages, or by its own."""

from __future__ import annotations

from django.contrib.auth import get_user_model, login, update_session_auth_hash
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import include, path


def whoami(request):
    return HttpResponse(request.user.get_username())


async def whoami_async(request):
    user = await request.auser()
    return HttpResponse(user.get_username())


def public(request):
    return HttpResponse("for everybody")


def become(request):
    """Sign in as somebody, by whatever means a project has."""
    login(request, get_user_model().objects.get_by_natural_key(request.POST["username"]))
    return HttpResponseRedirect("/whoami/")


def change_password(request):
    """Do as Django's own view does."""
    request.user.set_password(request.POST["password"])
    request.user.save()
    update_session_auth_hash(request, request.user)
    return HttpResponse("changed")


def forget(request):
    request.session.flush()
    return HttpResponse("forgotten")


urlpatterns = [
    path("whoami/", whoami),
    path("whoami-async/", whoami_async),
    path("public/", public),
    path("become/", become),
    path("change-password/", change_password),
    path("forget/", forget),
    path("login/", LoginView.as_view(template_name="registration/login.html")),
    path("logout/", LogoutView.as_view(next_page="/public/")),
    path("api/auth/", include("jwt_sessions.api.urls")),
]
