from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Final, Self

from django.db import IntegrityError, models
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jwt_sessions.conf import conf
from jwt_sessions.models.primary import PrimaryQuerySet

if TYPE_CHECKING:
    from collections.abc import Iterator

# From here on each wrong code locks for the longest time (SP 800-63B-4 section 3.2.2).
MANY_FAILURES: Final = 100
DAY: Final = timedelta(days=1)


class FactorAllowanceQuerySet(PrimaryQuerySet["FactorAllowance"]):
    def take(self, user_id: Any, factor: str, *, now: datetime) -> bool:
        """Count one more try before it is judged; return False where the factor is locked.

        So that many at once cannot slip through, it is one UPDATE that asks and counts.
        """
        row = self.filter(user_id=user_id, factor=factor)
        free = row.filter(Q(locked_until=None) | Q(locked_until__lte=now))
        # MariaDB sets one column after the other: the lock is of the failures before this one.
        counted = {"locked_until": _next_lock(now), "failures": F("failures") + 1}
        return self._count(user_id, factor, free, counted)

    def give_back(self, user_id: Any, factor: str) -> None:
        """Take back one try that was no wrong code."""
        row = self.filter(user_id=user_id, factor=factor, failures__gt=0)
        row.update(failures=F("failures") - 1, locked_until=None)

    def begin_anew(self) -> None:
        """Forget the failures of a person who has proven a factor; a password is no reason to."""
        self.filter(failures__gt=0).update(failures=0, locked_until=None)

    def locked_until(self, user_id: Any, factor: str) -> datetime | None:
        """Return when the factor may be tried again, or None where it may now."""
        row = self.filter(user_id=user_id, factor=factor, locked_until__gt=timezone.now())
        return row.values_list("locked_until", flat=True).first()

    def tell_once(self, user_id: Any, factor: str, *, now: datetime) -> bool:
        """Return whether the factor is locked and nobody has said so yet."""
        locked = self.filter(user_id=user_id, factor=factor, locked_until__gt=now)
        untold = locked.exclude(told_until=F("locked_until"), told_until__isnull=False)
        return bool(untold.update(told_until=F("locked_until")))

    def take_message(self, user_id: Any, factor: str, *, now: datetime) -> int:
        """Count one more message; return 0, or in how many seconds the next one may be sent."""
        row = self.filter(user_id=user_id, factor=factor)
        soonest = now - conf.MFA_MESSAGE_INTERVAL
        yesterday = Q(messages_since=None) | Q(messages_since__lte=now - DAY)
        free = row.filter(
            Q(message_at=None) | Q(message_at__lte=soonest),
            yesterday | Q(messages__lt=conf.MFA_MESSAGES_PER_DAY),
        )
        # In this order too: when they began is asked for by both.
        counted = {
            "message_at": now,
            "messages": Case(When(yesterday, then=Value(1)), default=F("messages") + 1),
            "messages_since": Case(
                When(yesterday, then=Value(now, output_field=models.DateTimeField())),
                default=F("messages_since"),
            ),
        }
        if self._count(user_id, factor, free, counted):
            return 0
        allowance = row.first()
        return allowance.seconds_to_next_message(now) if allowance else 1

    def take_message_back(self, user_id: Any, factor: str) -> None:
        """Let the next message be sent at once, for the last one was not."""
        self.filter(user_id=user_id, factor=factor).update(message_at=None)

    def _count(self, user_id: Any, factor: str, free: Self, counted: dict[str, Any]) -> bool:
        """Count one more if there is room; the row is made when it is first needed."""
        if free.update(**counted):
            return True
        if not self.filter(user_id=user_id, factor=factor).exists():
            new = FactorAllowance(user_id=user_id, factor=factor)
            try:
                self.bulk_create([new], ignore_conflicts=True)
            except IntegrityError:
                return False  # the user was deleted meanwhile
        # Also where there is one: it may have been made since the first UPDATE.
        return bool(free.update(**counted))


class FactorAllowance(models.Model):
    """What one person may still do with one factor: try codes, and be sent some.

    Kept across logins, per person and factor, so that neither a new login nor another address
    gives a guesser more tries, and so that nobody can lock one factor by guessing at another.
    """

    user = models.ForeignKey(
        conf.user_model,
        on_delete=models.CASCADE,
        related_name="jwt_factor_allowances",
        db_index=False,
        verbose_name=_("user"),
    )
    factor = models.CharField(_("factor"), max_length=120)
    failures = models.PositiveIntegerField(_("wrong codes in a row"), default=0)
    locked_until = models.DateTimeField(_("locked until"), null=True, blank=True)
    told_until = models.DateTimeField(null=True, blank=True, editable=False)
    messages = models.PositiveIntegerField(_("messages"), default=0)
    messages_since = models.DateTimeField(_("messages since"), null=True, blank=True)
    message_at = models.DateTimeField(_("last message at"), null=True, blank=True)

    objects = FactorAllowanceQuerySet.as_manager()

    class Meta:
        verbose_name = _("allowance of a factor")
        verbose_name_plural = _("allowances of factors")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "factor"], name="jwt_sessions_one_allowance")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.factor}"

    def seconds_to_next_message(self, now: datetime) -> int:
        """Return how long to wait for the next message."""
        free_at = (self.message_at or now) + conf.MFA_MESSAGE_INTERVAL
        if self.messages >= conf.MFA_MESSAGES_PER_DAY:
            free_at = max(free_at, (self.messages_since or now) + DAY)
        return max(1, ceil((free_at - now).total_seconds()))


def lock_periods() -> Iterator[tuple[int, timedelta]]:
    """Yield the number of failures that lock, below MANY_FAILURES, and for how long each does."""
    period = conf.MFA_LOCK_PERIOD
    for failures in range(conf.MFA_MAX_FAILURES, MANY_FAILURES, conf.MFA_MAX_FAILURES):
        yield failures, min(period, conf.MFA_MAX_LOCK_PERIOD)
        period = min(2 * period, conf.MFA_MAX_LOCK_PERIOD)


def _next_lock(now: datetime) -> Case:
    """Return until when one more failure locks the factor."""

    def at(moment: datetime) -> Value:
        return Value(moment, output_field=models.DateTimeField())

    whens = [When(failures=n - 1, then=at(now + period)) for n, period in lock_periods()]
    longest = When(failures__gte=MANY_FAILURES - 1, then=at(now + conf.MFA_MAX_LOCK_PERIOD))
    return Case(*whens, longest, default=F("locked_until"), output_field=models.DateTimeField())
