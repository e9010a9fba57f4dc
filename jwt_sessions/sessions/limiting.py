"""How many live sessions one user may have."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from jwt_sessions.conf import REFUSE, conf
from jwt_sessions.exceptions import SessionLimitReached
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.sessions.revoking import revoke_set

if TYPE_CHECKING:
    from django.http import HttpRequest


def make_room(session: Session, maximum: int, *, request: HttpRequest | None) -> None:
    """Revoke the oldest sessions of its user beyond `maximum`, or refuse the new one.

    `session` is stored already. Raises ``SessionLimitReached``, which must undo that.
    """
    # What lay unused until just now counts still: a refresh under way may be about to prolong it.
    just_now = session.created_at - timedelta(minutes=1)
    others = Session.objects.filter(user=session.user).live(just_now).exclude(pk=session.pk)
    # A newer id is greater, so the newest one too many tells them all.
    newest_first = others.order_by("-id").values_list("pk", flat=True)
    newest_surplus = newest_first[maximum - 1 : maximum].first()
    if newest_surplus is None:
        return
    if conf.SESSION_LIMIT_POLICY == REFUSE:
        raise SessionLimitReached
    surplus = others.filter(pk__lte=newest_surplus)
    revoke_set(surplus, user=session.user, reason=RevokedReason.SESSION_LIMIT, request=request)
