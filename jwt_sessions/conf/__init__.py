"""Every setting of the app: typed, read when asked, with its default beside it.

A key is looked for in ``JWT_SESSIONS``, then in ``SIMPLE_JWT`` where simplejwt has the same word,
then the default applies. ``checks`` proves the values; nothing here does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured

from jwt_sessions.conf.keys import KeySettings
from jwt_sessions.conf.reading import TAKEN_FROM_SIMPLE_JWT, until_settings_change
from jwt_sessions.conf.second_factor import (
    EMAIL,
    ENROLLABLE_METHODS,
    SMS,
    TOTP,
    SecondFactorSettings,
)
from jwt_sessions.rates import DEFAULT_THROTTLE_RATES, Rate, parse_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "CACHED",
    "DATABASE",
    "EMAIL",
    "END_OLDEST",
    "ENROLLABLE_METHODS",
    "REFUSE",
    "REVOCATION_CHECKS",
    "SESSION_LIMIT_POLICIES",
    "SMS",
    "TAKEN_FROM_SIMPLE_JWT",
    "TOTP",
    "Settings",
    "conf",
    "until_settings_change",
]

# What a sign-in does where the user has MAX_SESSIONS_PER_USER live sessions already.
END_OLDEST: Final = "end_oldest"
REFUSE: Final = "refuse"
SESSION_LIMIT_POLICIES: Final = (END_OLDEST, REFUSE)

# How a request learns whether the session of its token is revoked.
DATABASE: Final = "database"
CACHED: Final = "cached"
REVOCATION_CHECKS: Final = (DATABASE, CACHED)


class Settings(KeySettings, SecondFactorSettings):
    """The settings in force at the moment each one is read."""

    # Tokens

    @property
    def ACCESS_TOKEN_LIFETIME(self) -> timedelta:
        """How long an access token works, if its session is not revoked before."""
        lifetime: timedelta = self.get("ACCESS_TOKEN_LIFETIME", timedelta(minutes=5))
        return lifetime

    @property
    def REFRESH_TOKEN_LIFETIME(self) -> timedelta:
        """How long a session may lie unused: the life of each refresh token."""
        lifetime: timedelta = self.get("REFRESH_TOKEN_LIFETIME", timedelta(days=1))
        return lifetime

    @property
    def SESSION_LIFETIME(self) -> timedelta:
        """How long a session lasts at most, however often it is refreshed."""
        lifetime: timedelta = self.get("SESSION_LIFETIME", timedelta(days=30))
        return lifetime

    @property
    def ROTATE_REFRESH_TOKENS(self) -> bool:
        """Whether each refresh replaces the refresh token. False means no reuse detection."""
        return bool(self.get("ROTATE_REFRESH_TOKENS", True))

    @property
    def REFRESH_GRACE_PERIOD(self) -> timedelta:
        """How long a superseded refresh token still gets its successor again; zero: not at all."""
        period: timedelta = self.get("REFRESH_GRACE_PERIOD", timedelta(seconds=30))
        return period

    @property
    def LEEWAY(self) -> timedelta:
        """The clock skew allowed for exp, nbf and iat alike."""
        leeway = self.get("LEEWAY", timedelta(seconds=10))
        # simplejwt takes a plain number of seconds too; JWT_SESSIONS does not (a check).
        return leeway if isinstance(leeway, timedelta) else timedelta(seconds=leeway)

    @property
    def ISSUER(self) -> str:
        """The `iss` of every token: a URL that names this site. There is no default."""
        issuer = self.get("ISSUER")
        if not issuer:
            raise ImproperlyConfigured("JWT_SESSIONS needs an ISSUER, for instance your site's URL")
        return str(issuer)

    @property
    def AUDIENCE(self) -> tuple[str, ...]:
        """Who the access tokens are for; the issuer itself if not set."""
        audience = self.get("AUDIENCE")
        if not audience:
            return (self.ISSUER,)
        return (audience,) if isinstance(audience, str) else tuple(audience)

    # Limits

    @property
    def MAX_SESSIONS_PER_USER(self) -> int | None:
        """How many live sessions one user may have; None: any number."""
        maximum: int | None = self.get("MAX_SESSIONS_PER_USER")
        return maximum

    @property
    def SESSION_LIMIT_POLICY(self) -> str:
        """What a sign-in beyond MAX_SESSIONS_PER_USER does: one of SESSION_LIMIT_POLICIES."""
        return str(self.get("SESSION_LIMIT_POLICY", END_OLDEST))

    @property
    def THROTTLE_RATES(self) -> dict[str, Rate | None]:
        """How often each scope of DEFAULT_THROTTLE_RATES may be used; None: without limit."""
        rates = self.get("THROTTLE_RATES", {})
        if rates is None:
            return dict.fromkeys(DEFAULT_THROTTLE_RATES)
        return {
            scope: parse_rate(rate) for scope, rate in {**DEFAULT_THROTTLE_RATES, **rates}.items()
        }

    @property
    def EXTRA_CLAIMS(self) -> Callable[[Any], Mapping[str, Any]] | None:
        """What adds a project's own claims to access tokens: it takes the session."""
        function: Callable[[Any], Mapping[str, Any]] | None = self.imported("EXTRA_CLAIMS")
        return function

    # Requests

    @property
    def REVOCATION_CHECK(self) -> str:
        """How a request learns whether its session is revoked: one of REVOCATION_CHECKS."""
        return str(self.get("REVOCATION_CHECK", DATABASE))

    @property
    def REVOCATION_CACHE(self) -> str:
        """The name in ``CACHES`` of the cache of "cached", which all processes share."""
        return str(self.get("REVOCATION_CACHE", "default"))

    @property
    def REVOCATION_MAX_DELAY(self) -> timedelta:
        """How late a revocation may be noticed, with "cached", if the cache does not tell of it."""
        delay: timedelta = self.get("REVOCATION_MAX_DELAY", timedelta(seconds=5))
        return delay

    @property
    def AUTH_HEADER_TYPES(self) -> tuple[str, ...]:
        """The schemes that announce our tokens (compared without regard to case)."""
        types = self.get("AUTH_HEADER_TYPES", ("Bearer",))
        return (types,) if isinstance(types, str) else tuple(types)

    @property
    def AUTH_HEADER_NAME(self) -> str:
        """The header that carries the access token, as ``request.META`` spells it."""
        return str(self.get("AUTH_HEADER_NAME", "HTTP_AUTHORIZATION"))

    @property
    def NUM_PROXIES(self) -> int:
        """How many trusted proxies add to X-Forwarded-For; 0: the header is ignored."""
        return int(self.get("NUM_PROXIES", 0))

    # Users

    @property
    def PROTECT_SUPERUSERS(self) -> bool:
        """Whether, in the admin, superusers' sessions and factors are for superusers to end."""
        return bool(self.get("PROTECT_SUPERUSERS", True))

    @property
    def USER_ID_FIELD(self) -> str:
        """The user's field whose value, as text, is `sub`."""
        return str(self.get("USER_ID_FIELD", "pk"))

    @property
    def USER_ID_CLAIM(self) -> str:
        """Simplejwt's claim that repeats `sub`."""
        return str(self.get("USER_ID_CLAIM", "user_id"))

    @property
    def JTI_CLAIM(self) -> str | None:
        """Simplejwt's claim that repeats `jti`."""
        name: str | None = self.get("JTI_CLAIM", "jti")
        return name

    @property
    def TOKEN_TYPE_CLAIM(self) -> str | None:
        """Simplejwt's claim that tells an access token from a refresh token."""
        name: str | None = self.get("TOKEN_TYPE_CLAIM", "token_type")
        return name

    @property
    def USER_AUTHENTICATION_RULE(self) -> Callable[[Any], bool] | None:
        """A project's own rule for who may be signed in; None: active users."""
        rule: Callable[[Any], bool] | None = self.imported("USER_AUTHENTICATION_RULE")
        return rule

    @property
    def CHECK_USER_IS_ACTIVE(self) -> bool:
        """Whether inactive users are refused where no rule of the project's own is set."""
        return bool(self.get("CHECK_USER_IS_ACTIVE", True))


conf = Settings()
