"""The second step of a login: a code, and the session is there. Beside it a login without one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from benchmarks.sides import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.sides import Side

BOB = {**CREDENTIALS, "username": "bob"}


def steps(side: Side, *, is_recovery_code: bool = False) -> Iterator[Callable[[], object]]:
    """Yield one code after the other; the password is proven before."""
    codes = _codes(is_recovery_code=is_recovery_code) if side.is_ours else None
    while True:
        yield side.login().send if codes is None else _second_step(side, next(codes))


def _second_step(side: Side, code: str) -> Callable[[], object]:
    first = side.post("token/", BOB, expected=HTTPStatus.UNAUTHORIZED)
    first.send()
    return side.post("token/mfa/", {"mfa_token": first.answer()["mfa_token"], "code": code}).send


def _codes(*, is_recovery_code: bool) -> Iterator[str]:
    """Make bob, who has both, and yield codes of his that are good."""
    from django.contrib.auth import get_user_model

    from jwt_sessions import testing
    from jwt_sessions.models import EncryptedTOTP, RecoveryCode

    bob, is_new = get_user_model().objects.get_or_create(username=BOB["username"])
    if is_new:
        bob.set_password(BOB["password"])
        bob.save()
        testing.add_totp(bob)
    codes = testing.add_recovery_codes(bob)
    while True:
        # As if half a minute had passed, and nobody had used a recovery code.
        EncryptedTOTP.objects.update(last_step=-1)
        RecoveryCode.objects.update(used_at=None)
        yield codes[-1] if is_recovery_code else testing.current_code(bob)
