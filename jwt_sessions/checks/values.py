"""The values of JWT_SESSIONS, wherever they come from."""

from __future__ import annotations

from datetime import timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name

from jwt_sessions.claims import RESERVED_CLAIMS
from jwt_sessions.conf import conf
from jwt_sessions.conf.reading import read_dict

if TYPE_CHECKING:
    from collections.abc import Iterator

DURATIONS: Final = (
    "ACCESS_TOKEN_LIFETIME",
    "REFRESH_TOKEN_LIFETIME",
    "SESSION_LIFETIME",
    "REFRESH_GRACE_PERIOD",
    "LEEWAY",
    "REVOCATION_MAX_DELAY",
    "KEY_RELOAD_INTERVAL",
    "JWKS_MAX_AGE",
    "SIGNING_KEY_MAX_AGE",
    "MFA_PENDING_LOGIN_LIFETIME",
    "MFA_LOCK_PERIOD",
    "MFA_MAX_LOCK_PERIOD",
    "MFA_MESSAGE_LIFETIME",
    "MFA_MESSAGE_INTERVAL",
    "RECENT_LOGIN_MAX_AGE",
)
MAY_BE_ZERO: Final = {"REFRESH_GRACE_PERIOD", "LEEWAY"}
MAY_BE_NONE: Final = {"SIGNING_KEY_MAX_AGE"}
# Longer is a slip: it would lead beyond what a date can hold, or switch off what it should soften.
LONGEST: Final = timedelta(days=36_500)
LONGEST_SOFTENING: Final = timedelta(minutes=5)
LONGEST_OF: Final = {
    "REFRESH_GRACE_PERIOD": LONGEST_SOFTENING,
    "LEEWAY": LONGEST_SOFTENING,
    "REVOCATION_MAX_DELAY": LONGEST_SOFTENING,
    "MFA_PENDING_LOGIN_LIFETIME": timedelta(hours=1),
    "MFA_MESSAGE_LIFETIME": timedelta(minutes=10),  # SP 800-63B-4 section 3.1.3.2
}
# What reads our tokens without our tables learns of a revocation when the access token expires.
LONGEST_ACCESS: Final = timedelta(hours=1)
BOOLEANS: Final = (
    "ROTATE_REFRESH_TOKENS",
    "CHECK_USER_IS_ACTIVE",
    "SECURITY_MAILS",
    "PROTECT_SUPERUSERS",
)
TEXTS: Final = ("ALGORITHM", "REVOCATION_CACHE", "USER_ID_FIELD", "USER_ID_CLAIM")
TEXTS_OR_NONE: Final = ("ISSUER", "JTI_CLAIM", "TOKEN_TYPE_CLAIM", "MFA_ISSUER_NAME")
LISTS_OF_TEXTS: Final = ("AUDIENCE", "AUTH_HEADER_TYPES")

# simplejwt's three names, and the claim that each of them repeats and so may be.
NAMED_CLAIMS: Final = {"USER_ID_CLAIM": "sub", "JTI_CLAIM": "jti", "TOKEN_TYPE_CLAIM": None}


def setting_is_a_dict() -> Iterator[CheckMessage]:
    # Of a SIMPLE_JWT that is none, simplejwt complains itself.
    if read_dict("JWT_SESSIONS") is None:
        yield Error(
            "JWT_SESSIONS is not a dict.",
            hint='Write JWT_SESSIONS = {"ISSUER": "https://example.com"}.',
            id="jwt_sessions.E013",
        )


def names_are_known() -> Iterator[CheckMessage]:
    for name in conf.jwt_sessions:
        if name not in conf.names():
            nearest = get_close_matches(str(name).upper(), conf.names(), n=1)
            hint = f"Did you mean {nearest[0]}?" if nearest else "The docs list the known names."
            yield Error(f"JWT_SESSIONS has no key {name!r}.", hint=hint, id="jwt_sessions.E001")


def durations_are_timedeltas() -> Iterator[CheckMessage]:
    for name in DURATIONS:
        value = conf.get(name, timedelta(minutes=1))
        if value is None and name in MAY_BE_NONE:
            continue
        least = timedelta(0) if name in MAY_BE_ZERO else timedelta(seconds=1)
        most = LONGEST_OF.get(name, LONGEST)
        if name == "LEEWAY" and name not in conf.jwt_sessions and type(value) in {int, float}:
            # simplejwt takes seconds; what is no number of seconds is put beyond the limit.
            value = timedelta(seconds=value) if 0 <= value <= most.seconds else 2 * most
        if not (isinstance(value, timedelta) and least <= value <= most):
            yield Error(
                f"{name} is {conf.get(name)!r}, not a duration that can serve.",
                hint=f"Write a datetime.timedelta from {least} to {most}.",
                id="jwt_sessions.E002",
            )


def values_have_their_types() -> Iterator[CheckMessage]:
    for name in BOOLEANS:
        if not isinstance(conf.get(name, True), bool):
            yield _wrong_type(name, "True or False")
    for name in TEXTS:
        if not isinstance(value := conf.get(name, "default"), str) or not value:
            yield _wrong_type(name, "a string")
    for name in TEXTS_OR_NONE:
        if not isinstance(conf.get(name), str | None):
            yield _wrong_type(name, "a string")
    for name in LISTS_OF_TEXTS:
        value = conf.get(name) or ()
        values = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(item, str) and item for item in values):
            yield _wrong_type(name, "a string or a list of strings")


def header_can_be_found() -> Iterator[CheckMessage]:
    if not conf.get("AUTH_HEADER_TYPES", ("Bearer",)):
        yield _wrong_type("AUTH_HEADER_TYPES", 'at least one scheme, for instance ("Bearer",)')
    header = conf.get("AUTH_HEADER_NAME", "HTTP_AUTHORIZATION")
    if not isinstance(header, str) or not header.startswith("HTTP_"):
        yield _wrong_type("AUTH_HEADER_NAME", "the name in request.META: HTTP_AUTHORIZATION")


def proxies_are_counted() -> Iterator[CheckMessage]:
    proxies = conf.get("NUM_PROXIES", 0)
    if type(proxies) is not int or proxies < 0:
        yield _wrong_type("NUM_PROXIES", "0 or a positive whole number")


def _wrong_type(name: str, wanted: str) -> CheckMessage:
    return Error(f"{name} is {conf.get(name)!r}.", hint=f"Write {wanted}.", id="jwt_sessions.E003")


def issuer_is_set() -> Iterator[CheckMessage]:
    if not conf.get("ISSUER"):
        yield Error(
            "JWT_SESSIONS has no ISSUER: tokens must say who made them.",
            hint='Write the URL of your site: JWT_SESSIONS = {"ISSUER": "https://example.com"}.',
            id="jwt_sessions.E004",
        )


def claims_keep_their_meaning() -> Iterator[CheckMessage]:
    for name, repeated in NAMED_CLAIMS.items():
        claim = getattr(conf, name)
        if claim != repeated and claim in list(RESERVED_CLAIMS):
            yield Error(
                f"{name} is {claim!r}, a claim that has another meaning.",
                hint="Give it a name that no other claim has.",
                id="jwt_sessions.E010",
            )


def claims_have_names_of_their_own() -> Iterator[CheckMessage]:
    named = [claim for name in NAMED_CLAIMS if isinstance(claim := getattr(conf, name), str)]
    if len(named) != len(set(named)):
        yield Error(
            "Two of USER_ID_CLAIM, JTI_CLAIM and TOKEN_TYPE_CLAIM are the same claim.",
            hint="Give each of them a name of its own.",
            id="jwt_sessions.E015",
        )


def lifetimes_are_in_order() -> Iterator[CheckMessage]:
    names = ("ACCESS_TOKEN_LIFETIME", "REFRESH_TOKEN_LIFETIME", "SESSION_LIFETIME")
    for shorter, longer in pairwise(names):
        lifetimes = getattr(conf, shorter), getattr(conf, longer)
        if all(isinstance(value, timedelta) for value in lifetimes) and lifetimes[0] > lifetimes[1]:
            yield Warning(
                f"{shorter} is longer than {longer}, which cuts it short.",
                hint=f"Make {shorter} shorter, or {longer} longer.",
                id="jwt_sessions.W002",
            )


def locks_are_in_order() -> Iterator[CheckMessage]:
    first = conf.get("MFA_LOCK_PERIOD", timedelta(minutes=15))
    longest = conf.get("MFA_MAX_LOCK_PERIOD", timedelta(days=1))
    if all(isinstance(value, timedelta) for value in (first, longest)) and first > longest:
        yield Warning(
            "MFA_LOCK_PERIOD is longer than MFA_MAX_LOCK_PERIOD, which counts for nothing then.",
            hint="Make the first lock shorter, or the longest one longer.",
            id="jwt_sessions.W002",
        )


def access_tokens_are_short() -> Iterator[CheckMessage]:
    lifetime = conf.get("ACCESS_TOKEN_LIFETIME")
    if isinstance(lifetime, timedelta) and lifetime > LONGEST_ACCESS:
        yield Warning(
            f"ACCESS_TOKEN_LIFETIME is {lifetime}. For a service that does not ask us, a revoked "
            "session's access token is good for as long.",
            hint=f"Let it be {LONGEST_ACCESS} at most; clients refresh as often as it takes.",
            id="jwt_sessions.W009",
        )


def rotation_is_on() -> Iterator[CheckMessage]:
    if conf.get("ROTATE_REFRESH_TOKENS", True) is False:
        yield Warning(
            "ROTATE_REFRESH_TOKENS is False: a stolen refresh token goes unnoticed.",
            hint="Have your clients store the refresh token that a refresh returns, then set it to "
            "True.",
            id="jwt_sessions.W003",
        )
