from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.signals import user_logged_in
from django.db import IntegrityError, transaction
from django.utils import timezone

from jwt_sessions import clients, signals
from jwt_sessions.claims import AMR_PASSWORD
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import UserGone
from jwt_sessions.models import RefreshToken, Session
from jwt_sessions.revocation import auth_hashes
from jwt_sessions.sessions.announcing import announce, session_alias
from jwt_sessions.sessions.limiting import make_room
from jwt_sessions.sessions.locking import take_turns
from jwt_sessions.sessions.pairs import TokenPair, idle_end, mint_pair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.http import HttpRequest


def start(
    user: Any,
    *,
    request: HttpRequest | None = None,
    amr: Sequence[str] = (AMR_PASSWORD,),
    device_name: str = "",
    data: dict[str, Any] | None = None,
) -> TokenPair:
    """Start a session for `user`, who has just proven themselves by the methods in `amr`.

    `device_name` is what the client calls itself; control characters and what is over 100
    characters are cut. `data` is any JSON object of your own, found again on ``session.data``.
    Sends ``user_logged_in`` (whose receiver in Django updates ``last_login``) and
    ``session_started``. Two inserts.

    Beyond MAX_SESSIONS_PER_USER live sessions, the oldest are revoked, or, by SESSION_LIMIT_POLICY,
    ``SessionLimitReached`` is raised. That costs three queries more. Raises ``UserGone`` where the
    user was deleted meanwhile.
    """
    now = timezone.now()
    client = clients.describe(request)
    name = clients.clean_text(device_name, clients.NAME_LENGTH)
    session = Session(
        user=user,
        device_name=name,
        device_key=clients.device_key(name, client.browser, client.platform),
        user_agent=client.user_agent,
        browser=client.browser,
        platform=client.platform,
        address=client.address,
        address_key=clients.address_key(client.address),
        amr=list(amr),
        auth_time=now,
        auth_hash=next(auth_hashes(user)),
        data=data or {},
        created_at=now,
        expires_at=now + conf.SESSION_LIFETIME,
    )
    try:
        with transaction.atomic(using=session_alias()):
            _store(session, now, request)
            pair = mint_pair(session, now=now)
            # Not type(user): that of request.user is a lazy wrapper.
            announce(user_logged_in, sender=user.__class__, user=user, request=request)
            announce(signals.session_started, session=session, request=request)
    except IntegrityError as error:
        if user.__class__._base_manager.using(session_alias()).filter(pk=user.pk).exists():
            raise
        raise UserGone from error
    return pair


def _store(session: Session, now: datetime, request: HttpRequest | None) -> None:
    maximum = conf.MAX_SESSIONS_PER_USER
    if maximum is not None:
        take_turns(session.user)
    session.save(using=session_alias())
    RefreshToken.objects.create(
        session=session,
        last_seen_at=now,
        idle_expires_at=idle_end(session, now),
        address=session.address,
    )
    if maximum is not None:
        make_room(session, maximum, request=request)
