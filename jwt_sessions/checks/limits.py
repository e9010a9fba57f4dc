"""How many sessions one user may have, and how often somebody may try."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from django.core.cache import caches
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name

from jwt_sessions.conf import SESSION_LIMIT_POLICIES, conf
from jwt_sessions.rates import DEFAULT_THROTTLE_RATES, parse_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a cache of each kind makes of a counter.
POOR_COUNTERS: Final = {
    "locmem": "each process counts for itself, and forgets beyond MAX_ENTRIES names",
    "dummy": "nothing is counted",
    "db": "tries at once may be counted as one, and forgotten beyond MAX_ENTRIES names",
    "filebased": "tries at once may be counted as one, and forgotten beyond MAX_ENTRIES names",
}


def session_limit_can_serve() -> Iterator[CheckMessage]:
    maximum = conf.get("MAX_SESSIONS_PER_USER")
    if maximum is not None and (type(maximum) is not int or maximum < 1):
        yield Error(
            f"MAX_SESSIONS_PER_USER is {maximum!r}.",
            hint="Write a positive whole number, or None for any number of sessions.",
            id="jwt_sessions.E003",
        )
    if conf.SESSION_LIMIT_POLICY not in SESSION_LIMIT_POLICIES:
        yield Error(
            f"SESSION_LIMIT_POLICY is {conf.SESSION_LIMIT_POLICY!r}.",
            hint=f"Write one of {', '.join(SESSION_LIMIT_POLICIES)}.",
            id="jwt_sessions.E003",
        )
    if maximum is None and "SESSION_LIMIT_POLICY" in conf.jwt_sessions:
        yield Warning(
            "SESSION_LIMIT_POLICY has no effect without MAX_SESSIONS_PER_USER.",
            hint="Set MAX_SESSIONS_PER_USER, or remove SESSION_LIMIT_POLICY.",
            id="jwt_sessions.W006",
        )


def throttle_rates_can_serve() -> Iterator[CheckMessage]:
    rates = conf.get("THROTTLE_RATES", {})
    if not isinstance(rates, Mapping | None):
        yield Error(
            f"THROTTLE_RATES is {rates!r}.",
            hint="Write a dict of scopes and rates, or None for no limits of ours.",
            id="jwt_sessions.E016",
        )
        return
    for scope, rate in (rates or {}).items():
        if scope not in DEFAULT_THROTTLE_RATES:
            nearest = get_close_matches(str(scope), DEFAULT_THROTTLE_RATES, n=1)
            known = ", ".join(DEFAULT_THROTTLE_RATES)
            yield Error(
                f"THROTTLE_RATES has no scope {scope!r}.",
                hint=f"Did you mean {nearest[0]}?" if nearest else f"There are {known}.",
                id="jwt_sessions.E016",
            )
        elif not _is_rate(rate):
            yield Error(
                f"THROTTLE_RATES has {rate!r} for {scope}, which is no rate.",
                hint='Write a number and a period (s, min, hour, day): "20/hour". None: no limit.',
                id="jwt_sessions.E016",
            )


def _is_rate(value: object) -> bool:
    try:
        parse_rate(value)
    except (TypeError, ValueError):
        return False
    return True


def throttles_can_count() -> Iterator[CheckMessage]:
    cache = caches["default"]
    kind = type(cache).__module__.rpartition(".")[2]
    if kind in POOR_COUNTERS and any(conf.THROTTLE_RATES.values()):
        yield Warning(
            "The limits on sign-in, codes and refresh are counted in the default cache, a "
            f"{type(cache).__name__}: {POOR_COUNTERS[kind]}.",
            hint="Let CACHES name a Redis or Memcached server that all processes share.",
            id="jwt_sessions.W007",
        )
