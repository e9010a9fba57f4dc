"""Times, as people are told of them: how long ago, and exactly when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

A_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that a page tells both ways."""

    at: datetime

    @classmethod
    def of(cls, at: datetime | None) -> Moment | None:
        """Return the moment, if there is one."""
        return None if at is None else cls(at)

    @property
    def in_words(self) -> str:
        """How far it is from now."""
        now = timezone.now()
        if abs(self.at - now) < A_MINUTE:
            return _("just now")
        if self.at < now:
            return _("%(time)s ago") % {"time": timesince(self.at, now, depth=1)}
        return _("in %(time)s") % {"time": timeuntil(self.at, now, depth=1)}
