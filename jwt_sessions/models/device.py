from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, DeviceManager

from jwt_sessions.conf import conf
from jwt_sessions.exceptions import BadKey
from jwt_sessions.models.factor_allowance import FactorAllowance
from jwt_sessions.models.primary import PrimaryQuerySet

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)

NAME_LENGTH: Final = 64


class FactorDeviceManager(DeviceManager.from_queryset(PrimaryQuerySet)):  # type: ignore[misc]  # made at run time
    """django-otp's manager, reading from the database that is written to."""


class FactorDevice(Device):  # type: ignore[misc]  # django-otp has no types
    """A device of ours (django-otp's ``Device``), which counts wrong codes for its factor.

    ``match`` looks without writing; ``accept`` spends what matched in one UPDATE that only one
    caller can win. Whoever uses neither, but django-otp's interface, finds both behind
    ``verify_token``, with the same allowance as everywhere.

    All fields are our own, so that a new django-otp never asks for a new migration of ours.
    """

    factor: ClassVar[str]

    user = models.ForeignKey(
        conf.user_model,
        on_delete=models.CASCADE,
        related_name="jwt_%(class)s",
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=NAME_LENGTH, blank=True)
    confirmed = models.BooleanField(_("confirmed"), default=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)

    objects = FactorDeviceManager()

    class Meta:
        abstract = True
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.factor} {self.pk}"

    def match(self, code: str, *, now: datetime) -> Any:
        """Return what ``accept`` takes, or None where `code` is not one of this device's."""
        raise NotImplementedError

    def accept(self, match: Any, *, now: datetime) -> bool:
        """Spend what matched; return False where somebody was faster. One UPDATE."""
        raise NotImplementedError

    def verify_is_allowed(self) -> tuple[bool, dict[str, Any] | None]:
        """Return whether a code may be tried, and if not, until when (django-otp's interface)."""
        until = FactorAllowance.objects.locked_until(self.user_id, self.factor)
        return (True, None) if until is None else (False, {"locked_until": until})

    def verify_token(self, token: str) -> bool:
        """Return whether `token` is a good code, which it is once (django-otp's interface)."""
        now = timezone.now()
        if not FactorAllowance.objects.take(self.user_id, self.factor, now=now):
            return False
        try:
            match = self.match(str(token), now=now)
        except BadKey:
            # django-otp knows yes and no, and asks other devices after a no.
            logger.exception("device %s cannot be asked", self.persistent_id)
            FactorAllowance.objects.give_back(self.user_id, self.factor)
            return False
        if match is None or not self.accept(match, now=now):
            return False
        FactorAllowance.objects.filter(user_id=self.user_id).begin_anew()
        return True
