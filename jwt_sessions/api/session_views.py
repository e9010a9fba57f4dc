"""The caller's own sessions: list, rename, end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response

from jwt_sessions import sessions
from jwt_sessions.api.serializers import RenameSerializer, SessionSerializer
from jwt_sessions.api.views import SessionAPIView
from jwt_sessions.authentication import DatabaseJWTSessionAuthentication
from jwt_sessions.claims import parse_uuid
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.permissions import HasSession

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.auth.models import AbstractBaseUser
    from django.db.models import QuerySet
    from rest_framework.pagination import Cursor
    from rest_framework.request import Request


class NewestFirstPagination(CursorPagination):
    """Pages of 25 by primary key: as fast for the last page as for the first."""

    page_size = 25
    ordering = "-id"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the cursor; one whose position is no session id is not found."""
        cursor = super().decode_cursor(request)
        if cursor is None or cursor.position is None:
            return cursor
        if parse_uuid(str(cursor.position)) is None:
            raise NotFound(self.invalid_cursor_message)
        return cursor


class OwnSessionsView(SessionAPIView):
    """What the views of this module share: a caller with a session."""

    authentication_classes = [DatabaseJWTSessionAuthentication]
    permission_classes = [HasSession]

    @property
    def user(self) -> AbstractBaseUser:
        """The caller."""
        return cast("AbstractBaseUser", self.request.user)


class SessionListView(OwnSessionsView, GenericAPIView[Session]):
    """Where you are signed in: your live sessions, newest first."""

    pagination_class = NewestFirstPagination
    serializer_class = SessionSerializer

    def get_queryset(self) -> QuerySet[Session]:
        mine = Session.objects.filter(user_id=self.user.pk)
        return mine.live().select_related("refresh_token")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "current": self.token.sid}

    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class SessionDetailView(OwnSessionsView):
    """One of your sessions; another's is as unknown as one that never was."""

    def patch(self, request: Request, sid: str) -> Response:
        """Rename the device."""
        name = self.read_body(RenameSerializer)["device_name"]
        session = sessions.rename(_known(sid), user=self.user, device_name=name)
        if session is None:
            raise NotFound
        return Response(SessionSerializer(session, context={"current": self.token.sid}).data)

    def delete(self, request: Request, sid: str) -> Response:
        """End the session; its access token is refused on the next request."""
        session_id = _known(sid)
        reason = (
            RevokedReason.SIGNED_OUT
            if session_id == self.token.sid
            else RevokedReason.SIGNED_OUT_REMOTELY
        )
        if not sessions.revoke(
            session_id,
            owner=self.user,
            by=self.user,
            reason=reason,
            request=self.http_request,
        ):
            raise NotFound
        return Response(status=204)


class RevokeOtherSessionsView(OwnSessionsView):
    """End all your sessions but this one."""

    def post(self, request: Request) -> Response:
        return _revoked(self, keep=self.token.sid)


class RevokeAllSessionsView(OwnSessionsView):
    """End all your sessions, this one included."""

    def post(self, request: Request) -> Response:
        return _revoked(self, keep=None)


def _revoked(view: OwnSessionsView, *, keep: UUID | None) -> Response:
    count = sessions.revoke_all(
        view.user,
        keep=keep,
        by=view.user,
        reason=RevokedReason.SIGNED_OUT_REMOTELY,
        request=view.http_request,
    )
    return Response({"revoked": count})


def _known(sid: str) -> UUID:
    session_id = parse_uuid(sid)
    if session_id is None:
        raise NotFound
    return session_id
