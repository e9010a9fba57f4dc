from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_sessions.authentication import JWTSessionAuthentication


class WhoView(APIView):
    """Who calls, as the token says."""

    authentication_classes = [JWTSessionAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"sub": request.auth["sub"]})


urlpatterns = [
    path("who/", WhoView.as_view()),
    path("api/auth/", include("jwt_sessions.api.urls")),
]
