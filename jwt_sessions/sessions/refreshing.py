from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, transaction
from django.db.models import Exists, F
from django.utils import timezone

from jwt_sessions import clients, signals
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.models import (
    RefreshToken,
    RevokedReason,
    SecurityEvent,
    SecurityEventKind,
    Session,
)
from jwt_sessions.revocation import auth_hashes, why_dead
from jwt_sessions.sessions.announcing import announce, session_alias
from jwt_sessions.sessions.changing import rebind
from jwt_sessions.sessions.pairs import TokenPair, idle_end, mint_pair
from jwt_sessions.sessions.revoking import revoke
from jwt_sessions.tokens import parse_refresh_token

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.http import HttpRequest

    from jwt_sessions.tokens import SessionRefreshToken

logger = logging.getLogger(__name__)

# How often one generation may be handed out again within the grace period.
MAX_GRACE_USES: Final = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refresh that was refused, and why: for logs and tests, not for the caller."""

    reason: str


def refresh(text: str, *, request: HttpRequest | None = None) -> TokenPair | Refusal:
    """Swap a refresh token for the next pair of its session.

    However many callers present the same token at once, one generation follows. The superseded
    token gets the same successor again within REFRESH_GRACE_PERIOD; anything older is reuse and
    revokes the session (RFC 9700 section 4.14.2). The refusal is returned, not raised, so that
    this revocation is not rolled back by the error it causes. Two queries where all is well.
    """
    try:
        token = parse_refresh_token(text)
    except InvalidToken as error:
        return Refusal(error.reason)
    now = timezone.now()
    outcome = _judge(load_refresh_token(token.sid), token, now, request)
    if outcome is None:
        outcome = _judge_anew(token, now, request) or Refusal("contended")
    if isinstance(outcome, Refusal):
        logger.debug("refresh of session %s refused: %s", token.sid, outcome.reason)
    return outcome


def load_refresh_token(sid: UUID, *, lock: bool = False) -> RefreshToken | None:
    """Return the newest refresh token of a session, with the session and its user."""
    rows = RefreshToken.objects.with_user("session__user")
    if lock:
        # PostgreSQL cannot lock the nullable side of a join; MariaDB has no OF and locks them all.
        has_of = connections[rows.db].features.has_select_for_update_of
        rows = rows.select_for_update(of=("self",) if has_of else ())
    try:
        return rows.get(pk=sid)
    except RefreshToken.DoesNotExist:
        return None


def _judge_anew(
    token: SessionRefreshToken, now: datetime, request: HttpRequest | None
) -> TokenPair | Refusal | None:
    """Judge by the row as it is now: somebody was faster, and a plain read may repeat the old."""
    if not connections[session_alias()].features.has_select_for_update:
        # SQLite: a read of its own sees what is committed, and a transaction that reads before it
        # writes could not wait for its turn.
        return _judge(load_refresh_token(token.sid), token, now, request)
    with transaction.atomic(using=session_alias()):
        return _judge(load_refresh_token(token.sid, lock=True), token, now, request)


def _judge(
    row: RefreshToken | None,
    token: SessionRefreshToken,
    now: datetime,
    request: HttpRequest | None,
) -> TokenPair | Refusal | None:
    """Answer one refresh by the row as it was read; None: the row has changed since."""
    if row is None:
        return Refusal("session_unknown")
    reason = why_dead(row.session, now=now)
    if reason is not None:
        return _refuse_dead(row.session, reason, request)
    if row.idle_expires_at <= now:
        return Refusal("session_expired")
    behind = row.generation - token.generation
    if behind < 0:
        # Not the bearer's doing, so it costs them nothing but this refusal.
        logger.error(
            "Session %s is at generation %d, yet a refresh token of generation %d was presented. "
            "Was an older backup of the database restored?",
            row.pk,
            row.generation,
            token.generation,
        )
        return Refusal("generation_unknown")
    if behind == 0:
        return _rotate(row, now, request)
    if behind == 1 and _is_in_grace(row, now):
        return _repeat(row, now)
    return _end_reused(row, token, request)


def _refuse_dead(session: Session, reason: str, request: HttpRequest | None) -> Refusal:
    """Refuse, and record what nobody has recorded: a bare ``update()`` of the user tells no one."""
    if reason in RevokedReason.values:
        revoke(session.pk, reason=RevokedReason(reason), request=request)
    return Refusal(reason)


def _is_in_grace(row: RefreshToken, now: datetime) -> bool:
    period = conf.REFRESH_GRACE_PERIOD
    return bool(period) and now - row.last_seen_at <= period and row.grace_uses < MAX_GRACE_USES


def _rotate(row: RefreshToken, now: datetime, request: HttpRequest | None) -> TokenPair | None:
    changes: dict[str, Any] = {"last_seen_at": now}
    if address := clients.address_of(request):
        changes["address"] = address
    if conf.ROTATE_REFRESH_TOKENS:
        changes["generation"] = row.generation + 1
        changes["grace_uses"] = 0
        changes["idle_expires_at"] = idle_end(row.session, now)
    unrevoked = Session.objects.filter(pk=row.pk, revoked_at=None)
    as_read = RefreshToken.objects.filter(Exists(unrevoked), pk=row.pk, generation=row.generation)
    for name, value in changes.items():
        setattr(row, name, value)
    # Minted first: a key that cannot sign must not cost the client the token it has.
    pair = mint_pair(row.session, now=now)
    if not as_read.update(**changes):
        return None
    _follow_rotated_secret(row.session)
    announce(signals.session_refreshed, session=row.session, request=request)
    return pair


def _follow_rotated_secret(session: Session) -> None:
    """Bind a session that a fallback of ``SECRET_KEY`` vouched for to the current one."""
    if session.user is not None and session.auth_hash != next(auth_hashes(session.user)):
        rebind(session, session.user)


def _repeat(row: RefreshToken, now: datetime) -> TokenPair | None:
    """Hand out the current generation again: a reply was lost, or two tabs were quick."""
    as_read = RefreshToken.objects.filter(
        pk=row.pk, generation=row.generation, grace_uses__lt=MAX_GRACE_USES
    )
    if not as_read.update(grace_uses=F("grace_uses") + 1):
        return None
    return mint_pair(row.session, now=now)


def _end_reused(
    row: RefreshToken, token: SessionRefreshToken, request: HttpRequest | None
) -> Refusal:
    """Revoke a session one of whose superseded refresh tokens was presented: it was copied."""
    session = row.session
    # First the revocation, and by itself: no trouble with the record may undo it.
    if revoke(session.pk, reason=RevokedReason.TOKEN_REUSED, request=request):
        SecurityEvent.objects.create(
            kind=SecurityEventKind.REFRESH_TOKEN_REUSED,
            user_id=session.user_id,
            session=session,
            address=clients.address_of(request),
            facts={"presented": token.generation, "current": row.generation},
        )
        announce(signals.refresh_token_reused, session=session, request=request)
    return Refusal("reused")
