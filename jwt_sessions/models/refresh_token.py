from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from django.db import connections, models, transaction
from django.db.models import BooleanField, Func
from django.utils.translation import gettext_lazy as _

from jwt_sessions.models.primary import PrimaryQuerySet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID


# In Django's words Q(pk=..., generation=...) & Exists(Session...), which takes longer to compile
# than the whole statement takes to run.
UNCHANGED: Final = (
    "{pk} = %s AND {generation} = %s"
    " AND EXISTS (SELECT 1 FROM {sessions} s WHERE s.id = {pk} AND s.revoked_at IS NULL)"
)


class Unchanged(Func):
    """Whether a refresh token is of a generation still, and its session is not revoked."""

    output_field = BooleanField()

    def __init__(self, sid: UUID, generation: int) -> None:
        super().__init__()
        self.sid, self.generation = sid, generation

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """Return the condition and its parameters."""
        meta, quote = RefreshToken._meta, connection.ops.quote_name
        pk: Any = meta.pk
        names = {
            "pk": f"{quote(meta.db_table)}.{quote(pk.column)}",
            "generation": quote("generation"),
            "sessions": quote(pk.related_model._meta.db_table),
        }
        sid = pk.get_db_prep_value(self.sid, connection)
        return UNCHANGED.format(**names), [sid, self.generation]


class RefreshTokenQuerySet(PrimaryQuerySet["RefreshToken"]):
    def unchanged(self, row: RefreshToken) -> Self:
        """Return `row`, if nobody has rotated it since it was read, nor revoked its session."""
        return self.filter(Unchanged(row.pk, row.generation))

    def swap(self, sid: UUID, *, generation: int, changes: Mapping[str, Any]) -> bool:
        """Change the row that has `generation`; return False if somebody else was faster.

        The same as ``unchanged(row).update(**changes)``, which each refresh would compile anew.
        """
        connection = connections[self.db]
        fields: list[Any] = [RefreshToken._meta.get_field(name) for name in changes]
        where, condition_params = Unchanged(sid, generation).as_sql(None, connection)
        quote = connection.ops.quote_name
        columns = ", ".join(f"{quote(field.column)} = %s" for field in fields)
        sql = f"UPDATE {quote(RefreshToken._meta.db_table)} SET {columns} WHERE {where}"  # noqa: S608  # names of ours
        params = [
            field.get_db_prep_save(value, connection)
            for field, value in zip(fields, changes.values(), strict=True)
        ]
        with (
            transaction.mark_for_rollback_on_error(connection.alias),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, [*params, *condition_params])
            return bool(cursor.rowcount)


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
