"""URLs of a project whose people sign in by Django's own pages, or by its own."""

from __future__ import annotations

import django_otp
from django.contrib.auth import get_user_model, login, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import include, path
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.response import Response


def whoami(request):
    return HttpResponse(request.user.get_username())


async def whoami_async(request):
    user = await request.auser()
    return HttpResponse(user.get_username())


async def whoami_both(request):
    """Ask in both ways, as middleware and a view may do."""
    user = await request.auser()
    return HttpResponse(f"{user.get_username()} {request.user.get_username()}")


@api_view(["GET"])
@authentication_classes([SessionAuthentication])
def whoami_rest(request):
    return Response(request.user.get_username())


def public(request):
    return HttpResponse("for everybody")


def become(request):
    """Sign in as somebody, by whatever means a project has."""
    login(request, get_user_model().objects.get_by_natural_key(request.POST["username"]))
    response = HttpResponseRedirect("/whoami/", headers={"Vary": "Accept-Language"})
    response.set_cookie("language", "nl")
    return response


@login_required(login_url="/public/")
def for_members(request):
    return HttpResponse("for members")


def become_by_code(request):
    """Sign in with a device that has accepted a code, as django-otp's own forms do."""
    user = get_user_model().objects.get_by_natural_key(request.POST["username"])
    (user.otp_device,) = django_otp.devices_for_user(user)
    login(request, user)
    return HttpResponseRedirect("/whoami/")


@transaction.atomic
def whoami_in_vain(request):
    whoami(request)
    raise PermissionDenied


@transaction.atomic
def become_in_vain(request):
    """Sign in, in a transaction that is rolled back."""
    become(request)
    raise PermissionDenied


def change_password(request):
    """Do as Django's own view does."""
    request.user.set_password(request.POST["password"])
    request.user.save()
    update_session_auth_hash(request, request.user)
    return HttpResponse("changed")


def change_password_of_a_copy(request):
    """Do as many an API does, which reads the user once more."""
    user = get_user_model().objects.get(pk=request.user.pk)
    user.set_password(request.POST["password"])
    user.save()
    update_session_auth_hash(request, user)
    return HttpResponse("changed")


def close_account(request):
    """Do as some projects do, in whichever order."""
    user = get_user_model().objects.get(pk=request.user.pk)
    user.set_unusable_password()
    user.save()
    update_session_auth_hash(request, user)
    user.delete()
    return HttpResponse("closed")


def enter_code(request):
    """Do as the page of another package does, when it was given a good code."""
    (device,) = django_otp.devices_for_user(request.user)
    django_otp.login(request, device)
    return HttpResponse("proven")


def forget(request):
    request.session.flush()
    return HttpResponse("forgotten")


urlpatterns = [
    path("whoami/", whoami),
    path("whoami-async/", whoami_async),
    path("whoami-both/", whoami_both),
    path("whoami-rest/", whoami_rest),
    path("whoami-in-vain/", whoami_in_vain),
    path("for-members/", for_members),
    path("become-by-code/", become_by_code),
    path("public/", public),
    path("become/", become),
    path("become-in-vain/", become_in_vain),
    path("change-password/", change_password),
    path("change-password-of-a-copy/", change_password_of_a_copy),
    path("close-account/", close_account),
    path("enter-code/", enter_code),
    path("forget/", forget),
    path("login/", LoginView.as_view(template_name="registration/login.html")),
    path("login-unless-signed-in/", LoginView.as_view(redirect_authenticated_user=True)),
    path("logout/", LogoutView.as_view(next_page="/public/")),
    path("api/auth/", include("jwt_sessions.api.urls")),
]
