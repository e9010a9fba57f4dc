from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, TypeAlias

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from jwt_sessions.conf import EMAIL, SMS, conf
from jwt_sessions.delivery import deliver_code
from jwt_sessions.encryption import hash_code, is_code
from jwt_sessions.exceptions import NotDelivered, TooSoon
from jwt_sessions.models.device import FactorDevice
from jwt_sessions.models.factor_allowance import FactorAllowance

if TYPE_CHECKING:
    from datetime import datetime

DIGITS: Final = 6
StoredCode: TypeAlias = "tuple[str, datetime | None]"


def mask(address: str) -> str:
    """Return an e-mail address or telephone number, most of it hidden."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}•••{at}{domain}" if at else f"•••{address[-2:]}"


class Channel(models.TextChoices):
    """How a code is sent."""

    EMAIL = EMAIL, _("e-mail")
    SMS = SMS, pgettext_lazy("a text message", "SMS")


class MessageDevice(FactorDevice):
    """An address that codes are sent to, by e-mail or SMS. One confirmed address per channel."""

    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    address = models.CharField(_("address"), max_length=254)
    hashed_code = models.CharField(max_length=120, blank=True, editable=False)
    code_expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(FactorDevice.Meta):
        verbose_name = _("address for codes")
        verbose_name_plural = _("addresses for codes")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "channel", "confirmed"], name="jwt_sessions_one_address"
            )
        ]

    @property
    def factor(self) -> str:  # type: ignore[override]  # each channel is a factor of its own
        """The channel: to guess at one locks no other."""
        return self.channel

    @property
    def masked_address(self) -> str:
        """The address as it may be shown to its owner: enough to know it by."""
        return mask(self.address)

    def send_code(self) -> None:
        """Send a new code; the one before works no more.

        Raises ``TooSoon`` where there have been enough for now, and ``NotDelivered``; then the one
        before goes on working.
        """
        self.take_message()
        self.deliver_new_code()

    def take_message(self) -> None:
        """Count a message that is about to be sent. Raises ``TooSoon``."""
        now = timezone.now()
        if wait := FactorAllowance.objects.take_message(self.user_id, self.factor, now=now):
            raise TooSoon(wait)

    def deliver_new_code(self) -> None:
        """Send a message that is counted already. Raises ``NotDelivered``."""
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        before = self.hashed_code, self.code_expires_at
        now = hash_code(code, owner=self._owner), timezone.now() + conf.MFA_MESSAGE_LIFETIME
        if not self._swap(before, now):
            # It was used meanwhile, or replaced, and must not come back.
            before = "", None
            type(self).objects.filter(pk=self.pk).update(hashed_code=now[0], code_expires_at=now[1])
        try:
            deliver_code(code, channel=self.channel, address=self.address)
        except NotDelivered:
            self._swap(now, before)
            FactorAllowance.objects.take_message_back(self.user_id, self.factor)
            raise

    def has_code(self, now: datetime) -> bool:
        """Return whether a code was sent that may still be entered."""
        is_alive = self.code_expires_at is not None and now < self.code_expires_at
        return is_alive and bool(self.hashed_code)

    def match(self, code: str, *, now: datetime) -> str | None:
        """Return the hash that `code` was stored as, if it still works."""
        if not self.has_code(now) or not code.isascii():
            return None
        return self.hashed_code if is_code(code, self.hashed_code, owner=self._owner) else None

    def accept(self, match: str, *, now: datetime) -> bool:
        """Let the code never work again."""
        unspent = type(self).objects.filter(pk=self.pk, hashed_code=match)
        return bool(unspent.update(hashed_code="", code_expires_at=None, last_used_at=now))

    def generate_challenge(self) -> str:
        """Send a code and say where to (django-otp's interface). Raises as ``send_code`` does."""
        self.send_code()
        return str(_("sent to %(address)s") % {"address": self.masked_address})

    def _swap(self, old: StoredCode, new: StoredCode) -> bool:
        """Put one code in the place of another; return False where that is not there."""
        there = type(self).objects.filter(pk=self.pk, hashed_code=old[0])
        return bool(there.update(hashed_code=new[0], code_expires_at=new[1]))

    @property
    def _owner(self) -> str:
        # A code is of the address that it was sent to, whichever one the row has by now.
        return f"message {self.user_id} {self.pk} {self.address}"
