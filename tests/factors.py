"""Second factors that people have already, and logins that wait for them."""

from __future__ import annotations

import secrets
from copy import copy
from datetime import timedelta

from django.utils import timezone

from jwt_sessions import mfa, sessions
from jwt_sessions.encryption import hash_code
from jwt_sessions.mfa.qr import otpauth_uri
from jwt_sessions.models import EncryptedTOTP, MessageDevice, PendingLogin, RecoveryCode
from jwt_sessions.models import RecoveryCodes as RecoveryCodesDevice
from jwt_sessions.models.identifiers import uuid7
from jwt_sessions.models.recovery_codes import HASHER, new_codes, normalize
from jwt_sessions.tokens import mint_mfa_token
from tests.authenticators import Authenticator


def give_totp(user, *, confirmed=True):
    """Give an authenticator app, all of whose codes are unspent."""
    device = EncryptedTOTP.make(user_id=user.pk, confirmed=confirmed)
    app = Authenticator(otpauth_uri(device.secret, "somebody"))
    app.id = f"{EncryptedTOTP.model_label()}-{device.pk}"
    return app


def give_recovery_codes(user):
    """Give recovery codes; their hashes are made in no time, and say so themselves."""
    device = RecoveryCodesDevice.objects.create(user_id=user.pk, confirmed=True)
    codes = new_codes()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(
            device=device,
            slot=slot,
            hashed=HASHER.encode(normalize(code), HASHER.salt(), iterations=1),
        )
        for slot, code in enumerate(codes)
    )
    return codes


def give_address(user, *, channel="email", confirmed=True):
    """Give an address that a code was just sent to; return the code."""
    values = {"channel": channel, "address": "alice@example.com", "confirmed": confirmed}
    device = MessageDevice.objects.create(user_id=user.pk, **values)
    code = f"{secrets.randbelow(10**6):06}"
    MessageDevice.objects.filter(pk=device.pk).update(
        hashed_code=hash_code(code, owner=device._owner),
        code_expires_at=timezone.now() + timedelta(minutes=10),
    )
    return code


def give_stock_totp(user):
    """Give an authenticator app of django-otp's own; return what shows its codes."""
    from django_otp.plugins.otp_totp.models import TOTPDevice

    return app_of(TOTPDevice.objects.create(user=user, confirmed=True))


def app_of(stock):
    """What shows the codes of an authenticator app of django-otp's own."""
    return Authenticator(stock.config_url)


def give_stock_static(user):
    """Give django-otp's own static codes; return one."""
    from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

    device = StaticDevice.objects.create(user=user, confirmed=True)
    code = StaticToken.random_token()
    device.token_set.create(token=code)
    device.token_set.create(token="another")
    return code


def wait_for_code(user, number):
    """Sign in so many times by password; return the `mfa_token` of each login, as it waits."""
    first = mfa.pending_logins.begin(user)
    pending = mfa.pending_logins.find(first.mfa_token, now=timezone.now())
    others = [_another(pending) for _ in range(number - 1)]
    PendingLogin.objects.bulk_create(others)
    times = {"now": pending.created_at, "expires_at": pending.expires_at}
    return [first.mfa_token, *(mint_mfa_token(other.pk, **times) for other in others)]


def _another(pending):
    other = copy(pending)
    other.pk = uuid7()
    other._state = copy(pending._state)
    other._state.adding = True
    return other


def sign_in(user):
    """Start a session that has proven both factors; return its access token."""
    return sessions.start(user, amr=["pwd", "otp", "mfa"]).access
