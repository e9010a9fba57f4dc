from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from jwt_sessions.clients import NAME_LENGTH
from jwt_sessions.conf import conf
from jwt_sessions.models.identifiers import uuid7
from jwt_sessions.models.primary import PrimaryQuerySet

if TYPE_CHECKING:
    from datetime import datetime


class PendingLoginQuerySet(PrimaryQuerySet["PendingLogin"]):
    def waiting(self, now: datetime) -> Self:
        """Logins that may still be completed, if tries are left."""
        return self.filter(used_at=None, expires_at__gt=now)

    def over(self, now: datetime) -> Self:
        """Logins that were not completed in time, or were and are of no more use."""
        return self.filter(expires_at__lte=now)

    def take_try(self, now: datetime) -> bool:
        """Count one more try before it is judged; return False where there is none left."""
        left = self.waiting(now).filter(attempts__lt=conf.MFA_MAX_FAILURES)
        return bool(left.update(attempts=F("attempts") + 1))

    def spend(self, now: datetime) -> bool:
        """Complete it; return False where somebody was faster."""
        return bool(self.waiting(now).update(used_at=now))


class PendingLogin(models.Model):
    """The pause between password and code. It is used once, and knows no password."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        conf.user_model,
        on_delete=models.CASCADE,
        related_name="jwt_pending_logins",
        verbose_name=_("user"),
    )
    amr = models.JSONField(_("authentication methods so far"), default=list)
    auth_hash = models.CharField(max_length=255, blank=True, editable=False)
    device_name = models.CharField(_("device name"), max_length=NAME_LENGTH, blank=True)
    data = models.JSONField(_("data"), default=dict, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("ends at"))
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)

    objects = PendingLoginQuerySet.as_manager()

    class Meta:
        verbose_name = _("pending login")
        verbose_name_plural = _("pending logins")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)
