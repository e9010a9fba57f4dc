from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import BooleanField, F, Func
from django.utils.translation import gettext_lazy as _

from jwt_sessions.models.primary import PrimaryQuerySet


class OfUnrevokedSession(Func):
    """Whether the session of a refresh token is not revoked, asked within the same statement.

    ``Exists(queryset)`` would say the same, and take longer to compile than all of the UPDATE.
    """

    template = (
        "EXISTS (SELECT 1 FROM %(table)s s WHERE s.id = %(expressions)s AND s.revoked_at IS NULL)"
    )
    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        """Return the SQL and its parameters."""
        table = connection.ops.quote_name(RefreshToken.session.field.related_model._meta.db_table)
        return super().as_sql(compiler, connection, table=table, **extra)


class RefreshTokenQuerySet(PrimaryQuerySet["RefreshToken"]):
    def unchanged(self, row: RefreshToken) -> Self:
        """Return `row`, if nobody has rotated it since it was read, nor revoked its session."""
        return self.filter(OfUnrevokedSession(F("pk")), pk=row.pk, generation=row.generation)


class RefreshToken(models.Model):
    """The newest refresh token of a session: the only row that a refresh writes.

    One row for each session for ever, never one for each refresh. It is narrow and no column that
    changes is indexed, so PostgreSQL can update it in place. The token itself is not stored: its
    signature proves that we made it, its `sid` finds this row, and its generation tells whether it
    is the newest.
    """

    session = models.OneToOneField(
        "jwt_sessions.Session",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="refresh_token",
        verbose_name=_("session"),
    )
    generation = models.PositiveIntegerField(_("generation"), default=0)
    grace_uses = models.PositiveSmallIntegerField(_("grace uses"), default=0)
    last_seen_at = models.DateTimeField(_("last seen at"))
    idle_expires_at = models.DateTimeField(_("ends unless used by"))
    address = models.GenericIPAddressField(_("last address"), null=True, blank=True)

    objects = RefreshTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("refresh token")
        verbose_name_plural = _("refresh tokens")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.pk}/{self.generation}"
