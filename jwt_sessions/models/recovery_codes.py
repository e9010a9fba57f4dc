from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import models
from django.utils.translation import gettext_lazy as _

from jwt_sessions.conf import conf
from jwt_sessions.models.device import FactorDevice
from jwt_sessions.models.primary import PrimaryQuerySet

if TYPE_CHECKING:
    from datetime import datetime

RECOVERY_CODE: Final = "recovery_code"

CODES: Final = 10
# Characters of five bits each: 75, and SP 800-63B-4 section 4.2.1.1 asks for 64.
GROUPS, GROUP_LENGTH = 3, 5
RANDOM_LENGTH: Final = GROUPS * GROUP_LENGTH
# Crockford's base 32: no letter that is taken for a digit, and none that makes words.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOK_ALIKES: Final = str.maketrans("OIL", "011", " -\u2010\u2011\u2012\u2013\u2014\u2212\t\r\n")
MAX_TYPED: Final = 64  # characters, separators included


class RecoveryCodeHasher(PBKDF2PasswordHasher):
    """Django's PBKDF2, with work to fit: a code has 75 random bits, which no password has.

    To try them all for one code takes 2^74 * 100,000 hashes on average, and one check is cheap
    enough not to be a way to keep the server busy.
    """

    iterations = 100_000


HASHER: Final = RecoveryCodeHasher()


def new_codes() -> list[str]:
    """Return codes as they are shown: ``3-7KQFM-2XW9T-CA4RB``, which begin with their slot."""
    return ["-".join([str(slot), *(_new_group() for _ in range(GROUPS))]) for slot in range(CODES)]


def _new_group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH))


def normalize(code: str) -> str | None:
    """Return a code as it is hashed, however it was typed, or None where it is none."""
    if len(code) > MAX_TYPED:
        return None
    plain = code.upper().translate(LOOK_ALIKES)
    is_code = len(plain) == RANDOM_LENGTH + 1 and plain[0].isdigit() and set(plain) <= set(ALPHABET)
    return plain if is_code else None


def hash_code(plain: str) -> str:
    """Return the salted hash of a normalized code."""
    return HASHER.encode(plain, HASHER.salt())


class RecoveryCodes(FactorDevice):
    """A person's recovery codes: each works once, for when the other devices are lost."""

    factor = RECOVERY_CODE

    user = models.OneToOneField(
        conf.user_model,
        on_delete=models.CASCADE,
        related_name="jwt_recovery_codes",
        verbose_name=_("user"),
    )

    class Meta(FactorDevice.Meta):
        verbose_name = _("recovery codes")
        verbose_name_plural = _("recovery codes")

    def match(self, code: str, *, now: datetime) -> Any:
        """Return the id of the unused code that `code` is; its first character tells which."""
        plain = normalize(code)
        if plain is None:
            return None
        unused = RecoveryCode.objects.unused().filter(device_id=self.pk, slot=int(plain[0]))
        stored = unused.first()
        return stored.pk if stored is not None and HASHER.verify(plain, stored.hashed) else None

    def accept(self, match: Any, *, now: datetime) -> bool:
        """Spend the code with this id."""
        spent = RecoveryCode.objects.unused().filter(pk=match, device_id=self.pk)
        return bool(spent.update(used_at=now))


class RecoveryCodeQuerySet(PrimaryQuerySet["RecoveryCode"]):
    def unused(self) -> RecoveryCodeQuerySet:
        """Codes that still work."""
        return self.filter(used_at=None)

    def left_to(self, user_id: Any) -> int:
        """Return how many codes a user has left."""
        return self.unused().filter(device__user_id=user_id).count()


class RecoveryCode(models.Model):
    """One recovery code, as a salted hash."""

    device = models.ForeignKey(
        RecoveryCodes, on_delete=models.CASCADE, related_name="codes", db_index=False
    )
    slot = models.PositiveSmallIntegerField()
    hashed = models.CharField(max_length=160, editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    objects = RecoveryCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["device", "slot"], name="jwt_sessions_one_per_slot")
        ]

    def __str__(self) -> str:
        return f"{self.device_id}/{self.slot}"
