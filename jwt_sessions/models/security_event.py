from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from jwt_sessions.conf import conf
from jwt_sessions.models.primary import PrimaryQuerySet


class SecurityEventKind(models.TextChoices):
    """What happened."""

    REFRESH_TOKEN_REUSED = "refresh_token_reused", _("refresh token reused")
    FACTOR_ADDED = "factor_added", _("second factor added")
    FACTOR_REMOVED = "factor_removed", _("second factor removed")
    FACTORS_RESET = "factors_reset", _("second factor reset")
    RECOVERY_CODE_USED = "recovery_code_used", _("recovery code used")
    RECOVERY_CODES_LOW = "recovery_codes_low", _("few recovery codes left")
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed", _("recovery codes renewed")
    TOO_MANY_WRONG_CODES = "too_many_wrong_codes", _("too many wrong codes")
    PASSWORD_CHANGED = "password_changed", _("password changed")


class SecurityEvent(models.Model):
    """Something worth knowing when an account is looked into. Written once, never changed.

    What a ``Session`` row already tells (signed in, revoked) is not written here again.
    """

    at = models.DateTimeField(pgettext_lazy("moment", "at"), default=timezone.now)
    kind = models.CharField(
        pgettext_lazy("of a security event", "kind"),
        max_length=40,
        choices=SecurityEventKind.choices,
    )
    user = models.ForeignKey(
        conf.user_model,
        on_delete=models.SET_NULL,
        null=True,
        related_name="jwt_security_events",
        verbose_name=_("user"),
    )
    session = models.ForeignKey(
        "jwt_sessions.Session",
        on_delete=models.SET_NULL,
        null=True,
        related_name="security_events",
        verbose_name=_("session"),
    )
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    facts = models.JSONField(_("facts"), default=dict)

    objects = PrimaryQuerySet["SecurityEvent"].as_manager()

    class Meta:
        verbose_name = _("security event")
        verbose_name_plural = _("security events")
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = [models.Index(fields=["kind", "at"], name="jwt_sessions_kind_at")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at.isoformat()}"

    def save(self, **kwargs: Any) -> None:
        """Insert the event; a stored one raises ``TypeError``."""
        if not self._state.adding:
            raise TypeError("A security event is written once and never changed.")
        super().save(**kwargs)
