from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.views.generic import TemplateView
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from jwt_sessions.permissions import HasCode, HasSecondFactor

if TYPE_CHECKING:
    from rest_framework.request import Request


class HomeView(TemplateView):
    template_name = "example_project/home.html"


class ClientView(TemplateView):
    template_name = "example_project/client.html"


class TerminalView(TemplateView):
    template_name = "example_project/terminal.html"


NOT_NOW = OpenApiResponse(description="Nobody can be let in just now.")
STEP_UP = OpenApiResponse(description="Not signed in, or not well enough; `code` says which.")


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
            503: NOT_NOW,
        }
    )
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(request).data, headers={"Cache-Control": "no-store"})


class DoneSerializer(serializers.Serializer[Any]):
    done = serializers.CharField()


class DeleteEverythingView(GenericAPIView[Any]):
    """A dangerous act: it takes two factors, proven within the last five minutes."""

    permission_classes = [HasSecondFactor.within(timedelta(minutes=5))]
    serializer_class = DoneSerializer

    @extend_schema(request=None, responses={200: DoneSerializer, 401: STEP_UP, 503: NOT_NOW})
    def post(self, request: Request) -> Response:
        return Response({"done": "everything would be deleted now"})


class TransferView(GenericAPIView[Any]):
    """An act that takes a fresh code each time, in the header X-OTP-Code."""

    permission_classes = [HasCode]
    serializer_class = DoneSerializer

    @extend_schema(request=None, responses={200: DoneSerializer, 401: STEP_UP, 503: NOT_NOW})
    def post(self, request: Request) -> Response:
        return Response({"done": "the money would be on its way"})
