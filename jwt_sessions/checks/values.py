"""The values of JWT_SESSIONS, wherever they come from."""

from __future__ import annotations

from datetime import timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name

from jwt_sessions.conf import conf
from jwt_sessions.keys import BadKey, get_keyring

if TYPE_CHECKING:
    from collections.abc import Iterator

DURATIONS: Final = (
    "ACCESS_TOKEN_LIFETIME",
    "REFRESH_TOKEN_LIFETIME",
    "SESSION_LIFETIME",
    "REFRESH_GRACE_PERIOD",
    "LEEWAY",
)
MAY_BE_ZERO: Final = {"REFRESH_GRACE_PERIOD", "LEEWAY"}
# Longer is a slip, and would lead beyond what a date can hold.
LONGEST: Final = timedelta(days=36_500)
BOOLEANS: Final = ("ROTATE_REFRESH_TOKENS", "CHECK_USER_IS_ACTIVE")
TEXTS: Final = ("ALGORITHM", "USER_ID_FIELD", "USER_ID_CLAIM")
TEXTS_OR_NONE: Final = ("ISSUER", "JTI_CLAIM", "TOKEN_TYPE_CLAIM")
LISTS_OF_TEXTS: Final = ("AUDIENCE", "AUTH_HEADER_TYPES")

# Claims with a meaning of their own, and the one of simplejwt's three that may repeat each.
RESERVED_CLAIMS: Final = dict.fromkeys(
    ("iss", "aud", "exp", "iat", "nbf", "sid", "auth_time", "amr", "acr", "cnf", "generation")
) | {"sub": "USER_ID_CLAIM", "jti": "JTI_CLAIM"}


def settings_are_dicts() -> Iterator[CheckMessage]:
    for name in ("JWT_SESSIONS", "SIMPLE_JWT"):
        if conf.as_dict(name) is None:
            yield Error(
                f"{name} is not a dict.",
                hint=f"Write {name} = {{...}}, or leave it out.",
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
        least = timedelta(0) if name in MAY_BE_ZERO else timedelta(seconds=1)
        if name == "LEEWAY" and name not in conf.jwt_sessions and type(value) in {int, float}:
            value = conf.LEEWAY  # simplejwt takes seconds
        if not (isinstance(value, timedelta) and least <= value <= LONGEST):
            yield Error(
                f"{name} is {value!r}, not a duration that can serve.",
                hint=f"Write a datetime.timedelta from {least.seconds} s to {LONGEST.days} days.",
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


def keys_can_serve() -> Iterator[CheckMessage]:
    try:
        get_keyring()
    except BadKey as error:
        yield Error(
            f"{error}.",
            hint="Set SIGNING_KEY (and VERIFYING_KEY) to a key that fits ALGORITHM, or remove it.",
            id="jwt_sessions.E005",
        )


def claims_keep_their_meaning() -> Iterator[CheckMessage]:
    names = ("USER_ID_CLAIM", "JTI_CLAIM", "TOKEN_TYPE_CLAIM")
    claims = {name: claim for name in names if isinstance(claim := getattr(conf, name), str)}
    for name, claim in claims.items():
        is_shared = list(claims.values()).count(claim) > 1
        if is_shared or RESERVED_CLAIMS.get(claim, name) != name:
            yield Error(
                f"{name} is {claim!r}, a claim that has another meaning.",
                hint="Give USER_ID_CLAIM, JTI_CLAIM and TOKEN_TYPE_CLAIM names of their own.",
                id="jwt_sessions.E010",
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


def rotation_is_on() -> Iterator[CheckMessage]:
    if conf.get("ROTATE_REFRESH_TOKENS", True) is False:
        yield Warning(
            "ROTATE_REFRESH_TOKENS is False: a stolen refresh token goes unnoticed.",
            hint="Have your clients store the refresh token that a refresh returns, then set it to "
            "True.",
            id="jwt_sessions.W003",
        )


def signing_key_is_set() -> Iterator[CheckMessage]:
    if not conf.SIGNING_KEY:
        yield Warning(
            "Tokens are signed with a key derived from SECRET_KEY.",
            hint="Set SIGNING_KEY, so that each of the two can be changed without the other. Do it "
            "before people sign in: tokens of the derived key end with the change.",
            id="jwt_sessions.W004",
        )
    elif conf.SIGNING_KEY in conf.secret_keys:
        yield Warning(
            "SIGNING_KEY is SECRET_KEY itself: what leaks one leaks the other.",
            hint="Make a key of its own, or leave SIGNING_KEY out to have one derived.",
            id="jwt_sessions.W005",
        )
