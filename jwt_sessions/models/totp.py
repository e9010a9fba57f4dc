from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Self

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp import oath

from jwt_sessions.conf import TOTP
from jwt_sessions.encryption import Encrypted, decrypt, encrypt
from jwt_sessions.models.device import FactorDevice

if TYPE_CHECKING:
    from datetime import datetime

SECRET_LENGTH: Final = 20  # bytes, as RFC 4226 section 4 (R6) recommends
DIGITS: Final = 6
STEP: Final = 30  # seconds (RFC 6238 section 5.2)
TOLERANCE: Final = 1  # steps of delay, or of clocks that differ (RFC 6238 section 5.2)


class EncryptedTOTP(FactorDevice):
    """An authenticator app, whose secret is encrypted at rest (RFC 6238 section 5.1)."""

    factor = TOTP

    key_id = models.CharField(max_length=16, editable=False)
    encrypted_secret = models.CharField(max_length=200, editable=False)
    # The step of the last code that was accepted: none at or before it works (section 5.2).
    last_step = models.BigIntegerField(default=-1, editable=False)

    class Meta(FactorDevice.Meta):
        verbose_name = _("authenticator app")
        verbose_name_plural = _("authenticator apps")
        # Of a person's devices, whichever they are.
        permissions = [("reset_second_factor", "Can reset a person's second factor")]

    @classmethod
    def make(cls, *, secret: bytes | None = None, **fields: object) -> Self:
        """Insert a device, with a new secret if none is given. Two queries: the id is bound in."""
        device: Self = cls.objects.create(**fields)
        device.keep(secret or secrets.token_bytes(SECRET_LENGTH))
        return device

    @property
    def secret(self) -> bytes:
        """The shared secret. Raises ``BadKey`` where it cannot be decrypted."""
        return decrypt(Encrypted(self.key_id, self.encrypted_secret), owner=self._owner)

    def keep(self, secret: bytes) -> bool:
        """Store `secret` under the newest key, unless the row has changed; one UPDATE."""
        unchanged = type(self).objects.filter(pk=self.pk, encrypted_secret=self.encrypted_secret)
        self.key_id, self.encrypted_secret = encrypt(secret, owner=self._owner)
        return bool(unchanged.update(key_id=self.key_id, encrypted_secret=self.encrypted_secret))

    def match(self, code: str, *, now: datetime) -> int | None:
        """Return the step that `code` is of, if it is newer than the last one accepted."""
        if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
            return None
        totp = oath.TOTP(self.secret, step=STEP, digits=DIGITS)
        totp.time = now.timestamp()
        is_good = totp.verify(int(code), tolerance=TOLERANCE, min_t=self.last_step + 1)
        return int(totp.t()) if is_good else None

    def accept(self, match: int, *, now: datetime) -> bool:
        """Let no code of this step or an older one work again."""
        unspent = type(self).objects.filter(pk=self.pk, last_step__lt=match)
        return bool(unspent.update(last_step=match, last_used_at=now))

    @property
    def _owner(self) -> str:
        return f"totp {self.user_id} {self.pk}"
