from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView


class ModestView(APIView):
    """What a project protects, and needs to know of the caller no more than the token tells."""

    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"sub": request.auth["sub"]})


urlpatterns = [
    path("protected/", ModestView.as_view()),
    path("api/auth/", include("jwt_sessions.api.urls")),
]
