from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.generic import TemplateView
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

if TYPE_CHECKING:
    from rest_framework.request import Request


class HomeView(TemplateView):
    template_name = "example_project/home.html"


class MeSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(source="user.username")
    session = serializers.UUIDField(source="auth.sid")
    device_name = serializers.CharField(source="auth.session.device_name")
    device = serializers.CharField(source="auth.session.device")
    signed_in_at = serializers.DateTimeField(source="auth.session.created_at")
    methods = serializers.ListField(source="auth.session.amr", child=serializers.CharField())


class MeView(GenericAPIView[Any]):
    """A protected endpoint: who you are, and in which session."""

    permission_classes = [IsAuthenticated]
    serializer_class = MeSerializer

    @extend_schema(
        responses={
            200: MeSerializer,
            401: OpenApiResponse(description="Not signed in."),
            503: OpenApiResponse(description="Nobody can be let in just now."),
        }
    )
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(request).data, headers={"Cache-Control": "no-store"})
