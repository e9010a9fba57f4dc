"""Views for the tests of the cached check: what touches the user, and what does not."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_sessions.authentication import DatabaseJWTSessionAuthentication
from jwt_sessions.permissions import HasRecentLogin, HasSession


class UntouchedView(APIView):
    """What asks no more than that somebody is signed in."""

    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"sub": request.auth["sub"], "pk": str(request.user.pk)})


class SessionView(UntouchedView):
    permission_classes = [HasSession]


class RecentView(UntouchedView):
    permission_classes = [HasRecentLogin]


class PreciousView(UntouchedView):
    """What must not be a moment late."""

    authentication_classes = [DatabaseJWTSessionAuthentication]


class NameView(UntouchedView):
    """What touches the user."""

    def get(self, request):
        return Response({"name": request.user.get_username()})


class SwallowingView(UntouchedView):
    """What takes the refusal of a touch for that of the view's own."""

    def get(self, request):
        try:
            return Response({"name": request.user.get_username()})
        except AttributeError as error:
            raise NotAuthenticated from error


urlpatterns = [
    path("untouched/", UntouchedView.as_view()),
    path("session/", SessionView.as_view()),
    path("recent/", RecentView.as_view()),
    path("precious/", PreciousView.as_view()),
    path("name/", NameView.as_view()),
    path("", include("tests.urls")),
]
