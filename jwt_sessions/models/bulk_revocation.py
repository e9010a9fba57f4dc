from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jwt_sessions.conf import conf
from jwt_sessions.models.primary import PrimaryQuerySet

if TYPE_CHECKING:
    from typing import Self


class BulkRevocationQuerySet(PrimaryQuerySet["BulkRevocation"]):
    def unfinished(self) -> Self:
        """Those that are under way, or were stopped before the end."""
        return self.filter(finished_at=None)


class BulkRevocationReason(models.TextChoices):
    """Why many sessions are revoked at once."""

    DEVICE_LOST = "device_lost", _("devices lost or stolen")
    CREDENTIALS_LEAKED = "credentials_leaked", _("passwords or tokens leaked")
    BREACH = "breach", _("data of this site stolen")
    SUSPICIOUS = "suspicious", _("suspicious activity")
    PEOPLE_LEFT = "people_left", _("people have left")
    POLICY = "policy", _("new rules for signing in")
    EXERCISE = "exercise", _("test or exercise")
    OTHER = "other", _("another reason, see the note")


class BulkRevocation(models.Model):
    """Many sessions revoked at once: who, when, why, which and how many. It stays as a record.

    `done` changes in the transaction that revokes the sessions it counts, so it is right also
    where the work was cut off; whoever goes on takes up where it was.
    """

    by = models.ForeignKey(
        conf.user_model,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="jwt_bulk_revocations",
        verbose_name=_("by"),
    )
    # Sessions that begin later are not concerned.
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=30, choices=BulkRevocationReason.choices)
    note = models.TextField(_("note"), blank=True)
    criteria = models.JSONField(_("criteria"), default=dict, blank=True)
    # How many there were to revoke when it started.
    total = models.PositiveIntegerField(_("total"), default=0)
    # Where counting would have taken too long.
    total_is_estimate = models.BooleanField(_("total is an estimate"), default=False)
    done = models.PositiveIntegerField(_("revoked"), default=0)

    objects = BulkRevocationQuerySet.as_manager()

    class Meta:
        verbose_name = _("bulk revocation")
        verbose_name_plural = _("bulk revocations")
        ordering = ("-id",)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.pk}: {self.done}/{self.total}"

    @property
    def is_finished(self) -> bool:
        """Whether all that it was to revoke is revoked."""
        return self.finished_at is not None
