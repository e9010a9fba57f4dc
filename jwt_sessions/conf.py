"""Every setting of the app: typed, read when asked, with its default beside it.

A key is looked for in ``JWT_SESSIONS``, then in ``SIMPLE_JWT`` where simplejwt has the same word,
then the default applies. ``checks`` proves the values; nothing here does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from collections.abc import Callable

TAKEN_FROM_SIMPLE_JWT = frozenset(
    {
        "ACCESS_TOKEN_LIFETIME",
        "ALGORITHM",
        "AUDIENCE",
        "AUTH_HEADER_NAME",
        "AUTH_HEADER_TYPES",
        "CHECK_USER_IS_ACTIVE",
        "ISSUER",
        "JTI_CLAIM",
        "LEEWAY",
        "REFRESH_TOKEN_LIFETIME",
        "ROTATE_REFRESH_TOKENS",
        "SIGNING_KEY",
        "TOKEN_TYPE_CLAIM",
        "USER_AUTHENTICATION_RULE",
        "USER_ID_CLAIM",
        "USER_ID_FIELD",
        "VERIFYING_KEY",
    }
)

# What a sign-in does where the user has MAX_SESSIONS_PER_USER live sessions already.
END_OLDEST: Final = "end_oldest"
REFUSE: Final = "refuse"
SESSION_LIMIT_POLICIES: Final = (END_OLDEST, REFUSE)

# What each scope counts is told in throttling.
DEFAULT_THROTTLE_RATES: Final = {
    "sign_in": "30/min",
    "sign_in_account": "20/hour",
    "refresh": "120/min",
    "refresh_session": "300/min",
}
RATE: Final = re.compile(r"([1-9]\d{0,8})/(s|sec|m|min|h|hour|d|day)")
PERIODS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Rate(NamedTuple):
    """So many times in so many seconds."""

    number: int
    seconds: int


@cache
def parse_rate(text: Any) -> Rate | None:
    """Return a rate as Django REST framework writes it, ``"20/hour"``; None: no limit.

    Raises ``ValueError``.
    """
    if text is None:
        return None
    if not (isinstance(text, str) and (match := RATE.fullmatch(text))):
        raise ValueError(f"{text!r} is no rate")
    return Rate(int(match[1]), PERIODS[match[2][0]])


class Settings:
    """The settings in force at the moment each one is read."""

    @property
    def jwt_sessions(self) -> Mapping[str, Any]:
        """The project's ``JWT_SESSIONS``."""
        return self.as_dict("JWT_SESSIONS") or {}

    @property
    def simple_jwt(self) -> Mapping[str, Any]:
        """The project's ``SIMPLE_JWT``."""
        return self.as_dict("SIMPLE_JWT") or {}

    @staticmethod
    def as_dict(name: str) -> Mapping[str, Any] | None:
        """Return a setting that should be a dict; None where it is something else."""
        value = getattr(settings, name, {})
        # The first question answers nearly all, and much faster.
        return value if type(value) is dict or isinstance(value, Mapping) else None

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value set for `name`, or `default`."""
        if name in (ours := self.jwt_sessions):
            return ours[name]
        if name in TAKEN_FROM_SIMPLE_JWT:
            return self.simple_jwt.get(name, default)
        return default

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names that may stand in ``JWT_SESSIONS``."""
        return frozenset(name for name in vars(cls) if name.isupper())

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

    # Keys

    @property
    def ALGORITHM(self) -> str:
        """The JWA algorithm (RFC 7518) of SIGNING_KEY."""
        return str(self.get("ALGORITHM", "HS256"))

    @property
    def SIGNING_KEY(self) -> Any:
        """A secret or a private key in PEM; None to derive one from ``SECRET_KEY``."""
        return self.get("SIGNING_KEY")

    @property
    def VERIFYING_KEY(self) -> Any:
        """The public key in PEM; None to take it from SIGNING_KEY."""
        return self.get("VERIFYING_KEY")

    @property
    def secret_keys(self) -> tuple[str | bytes, ...]:
        """Django's ``SECRET_KEY`` and its fallbacks, newest first."""
        return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)

    @property
    def has_time_zones(self) -> bool:
        """Django's ``USE_TZ``."""
        return settings.USE_TZ

    # Requests

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
    def user_model(self) -> str:
        """Django's ``AUTH_USER_MODEL``."""
        return settings.AUTH_USER_MODEL

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
        rule: Any = self.get("USER_AUTHENTICATION_RULE")
        found: Callable[[Any], bool] | None = import_string(rule) if isinstance(rule, str) else rule
        return found

    @property
    def CHECK_USER_IS_ACTIVE(self) -> bool:
        """Whether inactive users are refused where no rule of the project's own is set."""
        return bool(self.get("CHECK_USER_IS_ACTIVE", True))


conf = Settings()
