"""How often something happened within the present window of time, for whoever it was.

Counted in Django's default cache, by whole windows, under hashes of names and addresses.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Final

from django.core.cache import cache

from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from jwt_sessions.rates import Rate

PREFIX: Final = "jwt_sessions:throttle"


class Counter:
    """How often something happened within the present window of a rate."""

    def __init__(self, rate: Rate, scope: str, *who: str) -> None:
        self.rate, self.scope, self.who = rate, scope, _digest(*who)
        self.window = int(time.time()) // rate.seconds

    @property
    def key(self) -> str:
        """Where the cache keeps it."""
        return f"{PREFIX}:{self.scope}:{self.window}:{self.who}"

    @property
    def failures(self) -> Counter:
        """The counter of those that have failed, where this one counts those under way too."""
        failures = copy(self)
        failures.scope = f"{self.scope}:failed"
        return failures

    def current(self) -> int:
        """Return the count."""
        count: int = cache.get(self.key, 0)
        return count

    def increase(self) -> int:
        """Add one and return the count, in one step where the cache can."""
        cache.add(self.key, 0, self.rate.seconds)
        try:
            return cache.incr(self.key)
        except ValueError:  # gone at once: full, or a cache that keeps nothing
            return 1

    def decrease(self) -> None:
        """Take one back."""
        with suppress(ValueError):  # gone
            cache.decr(self.key)

    def remaining(self) -> int:
        """Return how many seconds are left of the window."""
        return max(1, (self.window + 1) * self.rate.seconds - int(time.time()))


def find_counter(scope: str, *who: str) -> Counter | None:
    """Return the counter of a scope, or None where it has no limit."""
    rate = conf.THROTTLE_RATES[scope]
    return None if rate is None else Counter(rate, scope, *who)


def _digest(*words: str) -> str:
    """Return what stands for personal data, and fits into any cache's key."""
    text = "\0".join(words).encode("utf-8", "replace")
    return hashlib.sha256(text).hexdigest()[:32]
