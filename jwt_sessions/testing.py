"""For the tests of projects that use this app: people who are signed in, and their codes.

Nothing here belongs into a running site.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django_otp import oath

from jwt_sessions import sessions
from jwt_sessions.browser_sessions.credential import Credential
from jwt_sessions.browser_sessions.logins import proven_by
from jwt_sessions.claims import AMR_ONE_TIME_CODE, AMR_PASSWORD, add_factor
from jwt_sessions.conf import conf
from jwt_sessions.mfa import recovery_codes
from jwt_sessions.models import EncryptedTOTP, Session
from jwt_sessions.models.totp import DIGITS, STEP, TOLERANCE
from jwt_sessions.tokens import mint_access_token

if TYPE_CHECKING:
    from datetime import timedelta


def sign_in(
    client: Any,
    user: Any,
    *,
    second_factor: bool = False,
    age: timedelta | None = None,
    **session: Any,
) -> Session:
    """Let each request of a test client carry an access token of `user`; return the session.

    `client` is REST framework's ``APIClient`` or Django's ``Client``. With `second_factor` the
    token says that two factors were proven, whether the user has one or not; `age` is how long ago
    they proved themselves. Other arguments go to ``sessions.start``.
    """
    amr = [AMR_PASSWORD]
    if second_factor:
        amr = add_factor(amr, [AMR_ONE_TIME_CODE])
    pair = sessions.start(user, amr=session.pop("amr", amr), **session)
    access = pair.access if age is None else _mint_aged(pair.session, age)
    client.defaults[conf.AUTH_HEADER_NAME] = f"{conf.AUTH_HEADER_TYPES[0]} {access}"
    return pair.session


def sign_in_browser(
    client: Any, user: Any, *, second_factor: bool = False, age: timedelta | None = None
) -> Session:
    """Let a test client of Django's have a browser session of `user`; return the session.

    For projects with our middleware, in the place of ``client.force_login``, which proves nothing:
    who has a second factor would be asked for a code. `second_factor` and `age` are as those of
    ``sign_in``.
    """
    amr = [AMR_PASSWORD]
    if second_factor:
        amr = add_factor(amr, [AMR_ONE_TIME_CODE])
    with proven_by(amr):
        client.force_login(user)
    store = client.session
    credential = Credential.read(store)
    if credential is None:
        raise LookupError("no browser session was begun: is our middleware in MIDDLEWARE?")
    if age is not None:
        auth_time = int((timezone.now() - age).timestamp())
        replace(credential, auth_time=auth_time).write(store)
        store.save()
    return Session.objects.get(pk=credential.sid)


def add_totp(user: Any, *, name: str = "") -> EncryptedTOTP:
    """Give `user` a confirmed authenticator app."""
    now = timezone.now()
    return EncryptedTOTP.make(user_id=user.pk, name=name, confirmed=True, confirmed_at=now)


def add_recovery_codes(user: Any) -> list[str]:
    """Give `user`, who has a second factor, recovery codes; return them."""
    return recovery_codes.renew(user)


def current_code(user: Any) -> str:
    """Return a code of the newest authenticator app of `user` that is good now.

    That is the code that the app shows, or, where that one was used, the next one, which is
    accepted too. Raises ``LookupError`` where both were used, or there is no app.
    """
    device = EncryptedTOTP.objects.filter(user_id=user.pk, confirmed=True).last()
    if device is None:
        raise LookupError(f"{user} has no authenticator app")
    step = int(timezone.now().timestamp()) // STEP
    unused = max(step, device.last_step + 1)
    if unused > step + TOLERANCE:
        raise LookupError(f"the codes of {user} are used up: wait {STEP} seconds")
    return f"{oath.hotp(device.secret, unused, digits=DIGITS):0{DIGITS}}"


def _mint_aged(session: Session, age: timedelta) -> str:
    session.auth_time = timezone.now() - age
    Session.objects.filter(pk=session.pk).update_unrevoked(auth_time=session.auth_time)
    return mint_access_token(session, now=timezone.now())
