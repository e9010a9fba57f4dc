from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, connections, transaction
from django.db.models import F
from django.utils import timezone

from jwt_sessions import clients, signals
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.models import (
    CompiledLookup,
    RefreshToken,
    RevokedReason,
    SecurityEvent,
    SecurityEventKind,
    Session,
    session_alias,
)
from jwt_sessions.revocation import auth_hashes, why_dead
from jwt_sessions.sessions.announcing import announce
from jwt_sessions.sessions.changing import rebind
from jwt_sessions.sessions.locking import may_lock
from jwt_sessions.sessions.pairs import TokenPair, idle_end, mint_pair
from jwt_sessions.sessions.revoking import revoke
from jwt_sessions.tokens import parse_refresh_token

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from django.http import HttpRequest

    from jwt_sessions.tokens import SessionRefreshToken

logger = logging.getLogger(__name__)

# How often one generation may be handed out again within the grace period.
MAX_GRACE_USES: Final = 100

_REFRESH_TOKENS: Final = CompiledLookup(
    RefreshToken, lambda: RefreshToken.objects.with_user("session__user")
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refresh that was refused, and why: for logs and tests, not for the caller."""

    reason: str


def refresh(text: str, *, request: HttpRequest | None = None) -> TokenPair | Refusal:
    """Swap a refresh token for the next pair of its session.

    However many callers present the same token at once, one generation follows. The superseded
    token gets the same successor again within REFRESH_GRACE_PERIOD; anything older is reuse and
    revokes the session (RFC 9700 section 4.14.2). The refusal is returned, not raised, so that
    this revocation is not rolled back by the error it causes. Two queries where all is well, four
    at most to come to a decision.

    Raises Django's ``OperationalError`` where a lock is not had in time.
    """
    try:
        token = parse_refresh_token(text)
    except InvalidToken as error:
        return Refusal(error.reason)
    now = timezone.now()
    row = load_refresh_token(token.sid)
    outcome = Refusal("session_unknown") if row is None else _judge(row, token, now, request)
    if isinstance(outcome, Refusal):
        logger.debug("refresh of session %s refused: %s", token.sid, outcome.reason)
    return outcome


def load_refresh_token(sid: UUID) -> RefreshToken | None:
    """Return the newest refresh token of a session, with the session and its user."""
    return _REFRESH_TOKENS.get(sid)


def _judge(
    row: RefreshToken, token: SessionRefreshToken, now: datetime, request: HttpRequest | None
) -> TokenPair | Refusal:
    """Answer one refresh."""
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
        pair = _rotate(row, now, request)
    elif _may_repeat(row, token, now):
        pair = _repeat(row, now)
    else:
        return _end_reused(row, token, request)
    return pair or _judge_overtaken(row, token, now, request)


def _judge_overtaken(
    stale: RefreshToken, token: SessionRefreshToken, now: datetime, request: HttpRequest | None
) -> TokenPair | Refusal:
    """Answer by the row as it is now, for it has changed since it was read.

    It is read with a lock: under REPEATABLE READ a plain read repeats what it saw before. What was
    read of the session and its user still holds, but for a revocation, which each UPDATE asks for.
    """
    if not conf.REFRESH_GRACE_PERIOD:
        # Whoever was faster, there is nothing to repeat.
        return _end_reused(stale, token, request)
    with may_lock():
        row = RefreshToken.objects.select_for_update().filter(pk=stale.pk).first()
        if row is None or row.generation <= token.generation:
            # Nobody has rotated it, so it was revoked, and maybe cleared.
            return Refusal("session_revoked")
        row.session = stale.session
        if _may_repeat(row, token, now):
            return _repeat(row, now) or Refusal("contended")
    # Not within the transaction: no trouble with the record may undo the revocation.
    return _end_reused(row, token, request)


def _by_itself() -> AbstractContextManager[Any]:
    """Return a savepoint within a caller's transaction; else a statement is one of its own."""
    is_within = connections[session_alias()].in_atomic_block
    return transaction.atomic(using=session_alias()) if is_within else nullcontext()


def _refuse_dead(session: Session, reason: str, request: HttpRequest | None) -> Refusal:
    """Refuse, and record what nobody has recorded: a bare ``update()`` of the user tells no one."""
    if reason in RevokedReason.values:
        revoke(session.pk, reason=RevokedReason(reason), request=request)
    return Refusal(reason)


def _may_repeat(row: RefreshToken, token: SessionRefreshToken, now: datetime) -> bool:
    """Return whether the token is the immediately preceding one, within the grace period."""
    period = conf.REFRESH_GRACE_PERIOD
    return (
        row.generation - token.generation == 1
        and bool(period)
        # Without rotation, last seen is not when the successor was made.
        and conf.ROTATE_REFRESH_TOKENS
        and now - row.last_seen_at <= period
        and row.grace_uses < MAX_GRACE_USES
    )


def _rotate(row: RefreshToken, now: datetime, request: HttpRequest | None) -> TokenPair | None:
    """Return the next pair, or None where the row has changed since it was read."""
    changes: dict[str, Any] = {"last_seen_at": now}
    address = clients.address_of(request)
    if address not in {None, row.address}:
        changes["address"] = address
    if conf.ROTATE_REFRESH_TOKENS:
        changes["generation"] = row.generation + 1
        changes["grace_uses"] = 0
        changes["idle_expires_at"] = idle_end(row.session, now)
    generation = row.generation
    for name, value in changes.items():
        setattr(row, name, value)
    # Minted first: a key that cannot sign must not cost the client the token it has.
    pair = mint_pair(row.session, now=now)
    if not RefreshToken.objects.swap(row.pk, generation=generation, changes=changes):
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
    unspent = RefreshToken.objects.unchanged(row).filter(grace_uses__lt=MAX_GRACE_USES)
    if not unspent.update(grace_uses=F("grace_uses") + 1):
        return None
    return mint_pair(row.session, now=now)


def _end_reused(
    row: RefreshToken, token: SessionRefreshToken, request: HttpRequest | None
) -> Refusal:
    """Revoke a session one of whose superseded refresh tokens was presented: it was copied."""
    session = row.session
    # First the revocation, and by itself: no trouble with the record may undo it.
    if revoke(session.pk, reason=RevokedReason.TOKEN_REUSED, request=request):
        event = SecurityEvent(
            kind=SecurityEventKind.REFRESH_TOKEN_REUSED,
            user_id=session.user_id,
            session=session,
            address=clients.address_of(request),
            facts={"presented": token.generation, "current": row.generation},
        )
        try:
            with _by_itself():
                event.save(using=session_alias())
        except IntegrityError:
            logger.warning("session %s was reused while its user was deleted", session.pk)
        announce(signals.refresh_token_reused, session=session, request=request)
    return Refusal("reused")
