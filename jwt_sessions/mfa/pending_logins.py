"""Signing in with two factors: the pause between the first and the second."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from jwt_sessions import clients, sessions
from jwt_sessions.claims import AMR_MULTIPLE_FACTORS, AMR_PASSWORD, add_factor
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import InvalidToken, UserGone
from jwt_sessions.mfa import recovery_codes
from jwt_sessions.mfa.devices import has_second_factor, list_devices, methods_of
from jwt_sessions.mfa.messages import send_to
from jwt_sessions.mfa.proving import Proof, prove
from jwt_sessions.models import Among, PendingLogin, session_alias
from jwt_sessions.revocation import auth_hashes, is_bound, may_sign_in
from jwt_sessions.sessions import Refusal, TokenPair
from jwt_sessions.sessions.batching import BATCH_SIZE, let_others_write, lock_next
from jwt_sessions.sessions.locking import may_lock
from jwt_sessions.tokens import mint_mfa_token, parse_mfa_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.http import HttpRequest

logger = logging.getLogger(__name__)

Outcome = TypeVar("Outcome")

# Refusals after which the same `mfa_token` is of no use: sign in anew.
OVER: Final = frozenset({"mfa_token_invalid", "pending_login_over"})


@dataclass(frozen=True, slots=True)
class SecondFactorNeeded:
    """The first factor was right; the second is still to come, within `expires_in` seconds."""

    mfa_token: str = field(repr=False)
    methods: list[str]
    expires_in: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A login with two factors that is complete. `recovery_codes_remaining` if one was used."""

    pair: TokenPair
    recovery_codes_remaining: int | None


def sign_in(
    user: Any,
    *,
    request: HttpRequest | None = None,
    amr: Sequence[str] = (AMR_PASSWORD,),
    device_name: str = "",
    data: dict[str, Any] | None = None,
) -> TokenPair | SecondFactorNeeded:
    """Go on after the first factor: start a session, or ask for the second factor.

    For whatever proves a person first, be it a password or another site's sign-in; `amr` says
    which. Who has proven two factors by that (``"mfa"``, RFC 8176), with a passkey say, is asked
    for no other. Raises as ``sessions.start`` does.
    """
    if AMR_MULTIPLE_FACTORS not in amr:
        needed = begin(user, amr=amr, device_name=device_name, data=data)
        if needed is not None:
            return needed
    return sessions.start(user, request=request, amr=amr, device_name=device_name, data=data)


def begin(
    user: Any,
    *,
    amr: Sequence[str] = (AMR_PASSWORD,),
    device_name: str = "",
    data: dict[str, Any] | None = None,
) -> SecondFactorNeeded | None:
    """Return what stands for the login until the code comes, or None for who has no factor.

    One query for those, four for others. Raises ``UserGone``.
    """
    if not has_second_factor(user):
        return None
    devices, now = list_devices(user), timezone.now()
    theirs = PendingLogin.objects.filter(user_id=user.pk)
    theirs.over(now).delete()
    pending = PendingLogin(
        user_id=user.pk,
        amr=list(amr),
        auth_hash=next(auth_hashes(user)),
        device_name=clients.clean_text(device_name, clients.NAME_LENGTH),
        data=data or {},
        created_at=now,
        expires_at=now + conf.MFA_PENDING_LOGIN_LIFETIME,
    )
    try:
        pending.save(using=session_alias(), force_insert=True)
    except IntegrityError as error:
        raise UserGone from error
    token = mint_mfa_token(pending.pk, now=now, expires_at=pending.expires_at)
    lifetime = int(conf.MFA_PENDING_LOGIN_LIFETIME.total_seconds())
    return SecondFactorNeeded(token, methods_of(devices), lifetime)


def finish(
    mfa_token: str, code: str, *, method: str | None = None, request: HttpRequest | None = None
) -> SignedIn | Refusal:
    """Complete a login with a code: start its session.

    Of many callers with the same code or the same login, one succeeds. Raises
    ``SessionLimitReached`` and ``UserGone``; the code is not spent then.
    """

    def start(pending: PendingLogin, proof: Proof) -> SignedIn:
        pair = sessions.start(
            pending.user,
            request=request,
            amr=add_factor(pending.amr, proof.amr),
            device_name=pending.device_name,
            data=pending.data,
        )
        session = pair.session
        left = recovery_codes.tell_of_use(pending.user, proof, session=session, request=request)
        return SignedIn(pair, left)

    return complete(mfa_token, code, method=method, request=request, then=start)


def complete(
    mfa_token: str,
    code: str,
    *,
    method: str | None = None,
    request: HttpRequest | None = None,
    then: Callable[[PendingLogin, Proof], Outcome],
) -> Outcome | Refusal:
    """Complete a login with a code, and do `then` in the transaction that spends both."""
    now = timezone.now()
    pending = find(mfa_token, now=now)
    if isinstance(pending, Refusal):
        return pending
    this = PendingLogin.objects.filter(pk=pending.pk)
    if not this.take_try(now):
        return _refuse(pending, "pending_login_over")

    def spend(proof: Proof) -> Outcome | Refusal:
        is_first = this.spend(now)
        return then(pending, proof) if is_first else _refuse(pending, "pending_login_over")

    return prove(pending.user, code, method=method, request=request, then=spend)


def send_code(mfa_token: str, method: str) -> Refusal | None:
    """Have a code sent by one of the person's methods.

    Refuses where the login is over, and ``no_such_factor``. Raises ``TooSoon`` and
    ``NotDelivered``.
    """
    pending = find(mfa_token, now=timezone.now())
    return pending if isinstance(pending, Refusal) else send_to(pending.user, method)


def find(mfa_token: str, *, now: datetime) -> PendingLogin | Refusal:
    """Return the login that an `mfa_token` stands for, with its user, while it waits."""
    try:
        token = parse_mfa_token(mfa_token)
    except InvalidToken:
        return Refusal("mfa_token_invalid")
    waiting = PendingLogin.objects.with_user("user").waiting(now).filter(pk=token.pending_login)
    pending = waiting.first()
    if pending is None:
        return Refusal("pending_login_over")
    # Who signed in with a password that is no more, or may no more, begins anew.
    if not is_bound(pending, pending.user) or not may_sign_in(pending.user):
        return _refuse(pending, "pending_login_over")
    return pending


def clear_over(*, batch_size: int = BATCH_SIZE) -> int:
    """Delete the logins that wait no more, `batch_size` at a time; return how many.

    Who signs in again has theirs deleted then; these are also of those who do not.
    """
    now, last, count = timezone.now(), UUID(int=0), 0
    while True:
        with may_lock():
            # A newer id is greater, so those that are over come first, and the key is the index.
            over = PendingLogin.objects.over(now).filter(pk__gt=last).order_by("pk")
            ids = lock_next(over, batch_size)
            count += PendingLogin.objects.filter(Among("pk", ids)).delete()[0]
        if len(ids) < batch_size:
            return count
        last = ids[-1]
        let_others_write()


def _refuse(pending: PendingLogin, reason: str) -> Refusal:
    logger.debug("pending login %s refused: %s", pending.pk, reason)
    return Refusal(reason)
