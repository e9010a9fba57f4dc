"""How many live sessions one user may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import connections

from jwt_sessions.conf import REFUSE, conf
from jwt_sessions.exceptions import SessionLimitReached
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.sessions.announcing import session_alias
from jwt_sessions.sessions.revoking import revoke_set

if TYPE_CHECKING:
    from django.http import HttpRequest


def take_turns(user: Any) -> None:
    """Let sign-ins of one user pass one after the other, so that each sees those before it.

    On SQLite the insert that follows does so for all: it takes the only lock there is, and could
    not wait for it in a transaction that has read before.
    """
    features = connections[session_alias()].features
    if features.has_select_for_update:
        # Not the key itself: inserting a row that refers to the user need not wait.
        rows = get_user_model()._base_manager.using(session_alias()).filter(pk=user.pk)
        rows = rows.select_for_update(no_key=features.has_select_for_no_key_update)
        rows.values_list("pk", flat=True).first()


def make_room(session: Session, maximum: int, *, request: HttpRequest | None) -> None:
    """Revoke the oldest sessions of its user beyond `maximum`, or refuse the new one.

    `session` is stored already. Raises ``SessionLimitReached``, which must undo that.
    """
    others = Session.objects.filter(user=session.user).live().exclude(pk=session.pk)
    # A newer id is greater, so the newest one too many tells them all.
    newest_first = others.order_by("-id").values_list("pk", flat=True)
    newest_surplus = newest_first[maximum - 1 : maximum].first()
    if newest_surplus is None:
        return
    if conf.SESSION_LIMIT_POLICY == REFUSE:
        raise SessionLimitReached
    surplus = others.filter(pk__lte=newest_surplus)
    revoke_set(surplus, user=session.user, reason=RevokedReason.SESSION_LIMIT, request=request)
