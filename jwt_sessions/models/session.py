from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

from django.db import models, router
from django.db.models import Exists, F, OuterRef
from django.db.models.lookups import IsNull
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from jwt_sessions.clients import FAMILY_LENGTH, KEY_BYTES, NAME_LENGTH, USER_AGENT_LENGTH
from jwt_sessions.conf import conf
from jwt_sessions.models.identifiers import uuid7
from jwt_sessions.models.primary import PrimaryQuerySet
from jwt_sessions.models.refresh_token import RefreshToken

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AbstractBaseUser

    from jwt_sessions.models.bulk_revocation import BulkRevocation

NOT_SAVED = "A stored session is not saved; jwt_sessions.sessions has functions for it."


class IsUnrevoked(IsNull):
    """``revoked_at IS NULL``, which is no way to find a session: that holds for most of them.

    PostgreSQL knows. SQLite, unless it was told by ANALYZE, would go through all that are not
    revoked to find those of one user. So would MariaDB while few are left that are not: and an
    UPDATE by that index first locks its entry, then the row, while one by the key does it the other
    way round, which ends in deadlocks. A plus, or a function, keeps them from that index.
    """

    def __init__(self, column: Any = None, is_null: bool = True) -> None:
        super().__init__(F("revoked_at") if column is None else column, is_null)

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        """Return the condition, without the index."""
        sql, params = self.as_sql(compiler, connection)
        return f"+{sql}", params

    def as_mysql(self, compiler: Any, connection: Any) -> Any:
        """Return the condition, without the index: NULL alone is NULL when it is coalesced."""
        column, params = self.process_lhs(compiler, connection)
        return f"COALESCE({column}) IS {'' if self.rhs else 'NOT '}NULL", params


class SessionQuerySet(PrimaryQuerySet["Session"]):
    def live(self, now: datetime | None = None) -> Self:
        """Sessions that are neither revoked nor expired, by time or by lying unused."""
        now = now or timezone.now()
        in_use = RefreshToken.objects.filter(pk=OuterRef("pk"), idle_expires_at__gt=now)
        # EXISTS, not a join: an UPDATE of these rows then checks revoked_at on the row it locks.
        return self.unexpired(now).unrevoked().filter(Exists(in_use))

    def unexpired(self, now: datetime | None = None) -> Self:
        """Sessions whose absolute end, which never moves, is still to come."""
        return self.filter(expires_at__gt=now or timezone.now())

    def unrevoked(self) -> Self:
        """Sessions that nobody and nothing has ended before their time."""
        return self.filter(IsUnrevoked())

    def revoked(self) -> Self:
        """Sessions that somebody or something ended before their time."""
        return self.exclude(revoked_at=None)

    def revoke(
        self,
        *,
        reason: RevokedReason,
        by: AbstractBaseUser | None = None,
        bulk_revocation: BulkRevocation | None = None,
        at: datetime | None = None,
    ) -> int:
        """Revoke those that are not revoked yet, in one UPDATE; return how many that were."""
        return self.unrevoked().update(
            revoked_at=at or timezone.now(),
            revoked_reason=reason,
            revoked_by=by,
            bulk_revocation=bulk_revocation,
        )

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stale instances would be written back."""
        raise TypeError(NOT_SAVED)

    def update_unrevoked(self, **values: Any) -> int:
        """Change rows that are not revoked, in one UPDATE; return how many that were."""
        return self.unrevoked().update(**values)


class SessionKind(models.TextChoices):
    """What carries the session."""

    API = "api", pgettext_lazy("kind of session", "API")
    BROWSER = "browser", pgettext_lazy("kind of session", "Browser")


class RevokedReason(models.TextChoices):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out", _("signed out")
    SIGNED_OUT_REMOTELY = "signed_out_remotely", _("signed out from another device")
    REVOKED_BY_STAFF = "revoked_by_staff", _("ended by staff")
    PASSWORD_CHANGED = "password_changed", _("password changed")
    USER_DEACTIVATED = "user_deactivated", _("account deactivated")
    USER_DELETED = "user_deleted", _("account deleted")
    TOKEN_REUSED = "token_reused", _("refresh token reused")
    SESSION_LIMIT = "session_limit", _("too many sessions")


class Session(models.Model):
    """One sign-in on one device, from login to revocation or expiry.

    Hardly ever written after login, so it is cheap to read on every request. A stored row changes
    only by ``QuerySet.update()`` that asks for ``revoked_at IS NULL``: a stale instance that is
    saved would bring a revoked session back to life. (Blanking a deleted user's rows is the one
    exception, and it leaves the revocation alone.)
    """

    id = models.UUIDField(_("session id"), primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(
        pgettext_lazy("of a session", "kind"),
        max_length=10,
        choices=SessionKind.choices,
        default=SessionKind.API,
    )
    # Null once the user is deleted; such a session is dead.
    user = models.ForeignKey(
        conf.user_model,
        on_delete=models.SET_NULL,
        null=True,
        related_name="jwt_sessions",
        db_index=False,
        verbose_name=_("user"),
    )
    device_name = models.CharField(_("device name"), max_length=NAME_LENGTH, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=USER_AGENT_LENGTH, blank=True)
    browser = models.CharField(_("browser or app"), max_length=FAMILY_LENGTH, blank=True)
    platform = models.CharField(_("operating system"), max_length=FAMILY_LENGTH, blank=True)
    # What `device_name` begins with, for finding it.
    device_key = models.CharField(max_length=2 * KEY_BYTES, blank=True, editable=False)
    address = models.GenericIPAddressField(_("address at sign-in"), null=True, blank=True)
    address_key = models.CharField(max_length=32, blank=True, editable=False)
    amr = models.JSONField(_("authentication methods"), default=list)
    auth_time = models.DateTimeField(_("proved themselves at"))
    auth_hash = models.CharField(max_length=255, blank=True, editable=False)
    data = models.JSONField(_("data"), default=dict, blank=True)
    created_at = models.DateTimeField(_("signed in at"))
    expires_at = models.DateTimeField(_("ends at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    revoked_reason = models.CharField(
        _("why revoked"), max_length=30, choices=RevokedReason.choices, blank=True
    )
    revoked_by = models.ForeignKey(
        conf.user_model,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("revoked by"),
    )
    # Says also by whom. The record outlives the sessions.
    bulk_revocation = models.ForeignKey(
        "jwt_sessions.BulkRevocation",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="sessions",
        verbose_name=_("bulk revocation"),
    )

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        # A newer id is greater, so the primary key is the newest-first index.
        ordering = ("-id",)
        default_permissions = ("view",)
        permissions = [
            ("revoke_session", "Can revoke session"),
            ("bulkrevoke_session", "Can revoke sessions in bulk"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="jwt_sessions_of_user"),
            # Also what is over and may be cleared: not revoked, and expired before some time.
            # In all columns, lest a list of those that were revoked together must be sorted.
            models.Index(fields=["revoked_at", "expires_at", "id"], name="jwt_sessions_over"),
            models.Index(fields=["address_key"], name="jwt_sessions_address"),
            models.Index(fields=["device_key"], name="jwt_sessions_device"),
        ]

    def __str__(self) -> str:
        signed_in = date_format(timezone.localtime(self.created_at), "SHORT_DATETIME_FORMAT")
        # No name that a person gave: this text stays in logs when the person is forgotten.
        return f"{self.device or gettext('unknown device')}, {signed_in}"

    def save(self, **kwargs: Any) -> None:
        """Insert the session; a stored one raises ``TypeError``."""
        if not self._state.adding:
            raise TypeError(NOT_SAVED)
        super().save(**kwargs)

    @property
    def device(self) -> str:
        """What it runs on, in words: "Firefox on Windows"; "" if the user agent told nothing."""
        if self.browser and self.platform:
            names = {"browser": self.browser, "platform": self.platform}
            return gettext("%(browser)s on %(platform)s") % names
        return self.browser or self.platform

    @property
    def display_name(self) -> str:
        """What to call the device when speaking to people; never empty."""
        return self.device_name or self.device or gettext("unknown device")

    @property
    def is_revoked(self) -> bool:
        """Whether it was ended before its time."""
        return self.revoked_at is not None

    @property
    def revoker(self) -> AbstractBaseUser | None:
        """Who revoked it, if that is known: of one among many, the bulk revocation says so."""
        return self.bulk_revocation.by if self.bulk_revocation else self.revoked_by

    @property
    def is_expired(self) -> bool:
        """Whether its time has run out, or it lay unused for too long."""
        return min(self.expires_at, self.refresh_token.idle_expires_at) <= timezone.now()

    @property
    def is_over(self) -> bool:
        """Whether nobody can use it any more."""
        return self.is_revoked or self.is_expired


def session_alias() -> str:
    """Return the alias of the database that sessions are written to."""
    return router.db_for_write(Session)


class RevokedSessionManager(models.Manager.from_queryset(SessionQuerySet)):  # type: ignore[misc]  # made at run time
    def get_queryset(self) -> SessionQuerySet:
        sessions: SessionQuerySet = super().get_queryset()
        return sessions.revoked()


class RevokedSession(Session):
    """The sessions that were revoked: a view of ``Session``, not a second truth."""

    objects = RevokedSessionManager()  # type: ignore[misc]  # a narrower set

    class Meta:
        proxy = True
        verbose_name = _("revoked session")
        verbose_name_plural = _("revoked sessions")
        ordering = ("-revoked_at",)
        default_permissions = ("view",)
