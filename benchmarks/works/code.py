"""The second step of a login: a code, and the session is there. Beside it a login without one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from benchmarks.sides import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.sides import Side

BOB = {**CREDENTIALS, "username": "bob"}


def steps(side: Side) -> Iterator[Callable[[], object]]:
    """Yield one code after the other; the password is proven before."""
    while True:
        yield _second_step(side) if side.is_ours else side.login().send


def _second_step(side: Side) -> Callable[[], object]:
    from django.contrib.auth import get_user_model

    from jwt_sessions import testing
    from jwt_sessions.models import EncryptedTOTP

    bob, is_new = get_user_model().objects.get_or_create(username=BOB["username"])
    if is_new:
        bob.set_password(BOB["password"])
        bob.save()
        testing.add_totp(bob)
    # Half a minute later, as far as the app is concerned.
    EncryptedTOTP.objects.update(last_step=-1)
    first = side.post("token/", BOB, expected=HTTPStatus.UNAUTHORIZED)
    first.send()
    body = {"mfa_token": first.answer()["mfa_token"], "code": testing.current_code(bob)}
    return side.post("token/mfa/", body).send
