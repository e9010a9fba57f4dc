"""Protected views, as small as they can be; the URLs say who authenticates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

if TYPE_CHECKING:
    from rest_framework.request import Request


class WhoAmI(APIView):
    """Tell callers their name, which stands in their row."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        """Return the name."""
        return Response({"username": request.user.username})


class WhichKey(APIView):
    """Tell callers their primary key, for which nobody has to read their row."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        """Return the key."""
        return Response({"pk": request.user.pk})
