"""A protected view, as small as one can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

if TYPE_CHECKING:
    from rest_framework.request import Request


class WhoAmI(APIView):
    """Tell callers their name; the URLs say by which class they are authenticated."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        """Return the name."""
        return Response({"username": request.user.username})
