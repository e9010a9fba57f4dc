from django.contrib import admin
from django.urls import include, path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_sessions.authentication import JWTSessionAuthentication


class ProtectedView(APIView):
    """What a project protects with our authentication class."""

    authentication_classes = [JWTSessionAuthentication]
    permission_classes = [IsAuthenticated]

    @extend_schema(responses={200: dict[str, str]})
    def get(self, request):
        return Response({"sub": request.auth["sub"], "kind": request.auth.session.kind})


urlpatterns = [
    path("admin/", admin.site.urls),
    path("protected/", ProtectedView.as_view(), name="protected"),
    path("api/auth/", include("jwt_sessions.api.urls")),
    path(".well-known/", include("jwt_sessions.well_known.urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
]
