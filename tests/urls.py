from datetime import timedelta

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_sessions.authentication import JWTSessionAuthentication
from jwt_sessions.autocommit import in_autocommit
from jwt_sessions.permissions import HasCode, HasRecentLogin, HasSecondFactor


class ProtectedView(APIView):
    """What a project protects with our authentication class."""

    authentication_classes = [JWTSessionAuthentication]
    permission_classes = [IsAuthenticated]

    @extend_schema(responses={200: dict[str, str]})
    def get(self, request):
        return Response({"sub": request.auth["sub"], "kind": request.auth.session.kind})


class SecondFactorView(ProtectedView):
    """For who has proven two factors."""

    permission_classes = [HasSecondFactor]


class RecentLoginView(ProtectedView):
    """For who has proven themselves lately."""

    permission_classes = [HasRecentLogin]


class StrictView(ProtectedView):
    """For who has proven two factors within five minutes."""

    permission_classes = [HasSecondFactor.within(timedelta(minutes=5))]


class CodeView(ProtectedView):
    """For who sends a code along."""

    permission_classes = [HasCode]

    @extend_schema(request=None, responses={200: dict[str, str]})
    def post(self, request):
        return self.get(request)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("protected/", ProtectedView.as_view(), name="protected"),
    path("second-factor/", SecondFactorView.as_view()),
    path("recent-login/", RecentLoginView.as_view()),
    path("strict/", StrictView.as_view()),
    path("code/", in_autocommit(CodeView.as_view())),
    path("code-in-transaction/", CodeView.as_view()),
    path("api/auth/", include("jwt_sessions.api.urls")),
    path(".well-known/", include("jwt_sessions.well_known.urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
]
