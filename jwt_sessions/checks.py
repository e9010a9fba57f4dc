"""System checks: a half-configured installation is refused, with an id and a hint.

Ids are stable. E: it would not work or not be safe. W: it works, but not as one might think.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, Warning  # noqa: A004 - Django's name
from django.core.exceptions import FieldDoesNotExist
from django.db import router
from rest_framework.settings import api_settings as rest_framework_settings

from jwt_sessions.conf import TAKEN_FROM_SIMPLE_JWT, conf
from jwt_sessions.keys import BadKey, get_keyring
from jwt_sessions.models import Session

DURATIONS: Final = (
    "ACCESS_TOKEN_LIFETIME",
    "REFRESH_TOKEN_LIFETIME",
    "SESSION_LIFETIME",
    "REFRESH_GRACE_PERIOD",
    "LEEWAY",
)
MAY_BE_ZERO: Final = {"REFRESH_GRACE_PERIOD", "LEEWAY"}
BOOLEANS: Final = ("ROTATE_REFRESH_TOKENS", "CHECK_USER_IS_ACTIVE")
TEXTS: Final = ("ISSUER", "ALGORITHM", "AUTH_HEADER_NAME", "USER_ID_FIELD", "USER_ID_CLAIM")
LISTS_OF_TEXTS: Final = ("AUDIENCE", "AUTH_HEADER_TYPES")

# Claims with a meaning of their own: none of them can be lent to simplejwt's three.
RESERVED_CLAIMS: Final = {
    "iss", "aud", "exp", "iat", "nbf", "sid", "auth_time", "amr", "acr", "cnf", "generation"
}  # fmt: skip

REFUSED_FROM_SIMPLE_JWT: Final = {
    "JWK_URL": "Our own keys verify our own tokens; remove it.",
    "AUTH_TOKEN_CLASSES": "Access tokens are the only ones that authenticate; remove it.",
    "TOKEN_USER_CLASS": "Every request loads the real user; remove it.",
    "JSON_ENCODER": "Put only JSON types into claims; remove it.",
    "REVOKE_TOKEN_CLAIM": "A changed password ends sessions without a claim; remove it.",
}
IGNORED_FROM_SIMPLE_JWT: Final = {
    "BLACKLIST_AFTER_ROTATION": "A rotated refresh token is always superseded.",
    "CHECK_REVOKE_TOKEN": "A changed password always ends the user's other sessions.",
    "UPDATE_LAST_LOGIN": "Django's user_logged_in is always sent, and updates last_login.",
}
SIMPLE_JWT_AUTHENTICATION: Final = "rest_framework_simplejwt.authentication"

Rule = Callable[[], Iterator[CheckMessage]]


def register() -> None:
    """Register every rule of this module with Django."""
    for rule in RULES:
        checks.register(_as_check(rule), Tags.security)
    for rule in DEPLOY_RULES:
        checks.register(_as_check(rule), Tags.security, deploy=True)


def _as_check(rule: Rule) -> Any:
    def check(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
        return list(rule())

    check.__name__ = rule.__name__
    return check


def names_are_known() -> Iterator[CheckMessage]:
    for name in conf.jwt_sessions:
        if name not in conf.names():
            nearest = get_close_matches(str(name).upper(), conf.names(), n=1)
            hint = f"Did you mean {nearest[0]}?" if nearest else "The docs list the known names."
            yield Error(f"JWT_SESSIONS has no key {name!r}.", hint=hint, id="jwt_sessions.E001")


def durations_are_timedeltas() -> Iterator[CheckMessage]:
    for name in DURATIONS:
        value = conf.get(name, timedelta(minutes=1))
        if name == "LEEWAY" and name not in conf.jwt_sessions and not isinstance(value, bool):
            value = conf.LEEWAY if isinstance(value, int | float | None) else value
        least = timedelta(0) if name in MAY_BE_ZERO else timedelta(seconds=1)
        if not isinstance(value, timedelta) or value < least:
            yield Error(
                f"{name} is {value!r}, not a duration.",
                hint=f"Write a datetime.timedelta of at least {least.seconds} s.",
                id="jwt_sessions.E002",
            )


def values_have_their_types() -> Iterator[CheckMessage]:
    for name in BOOLEANS:
        if not isinstance(conf.get(name, True), bool):
            yield _wrong_type(name, "True or False")
    for name in TEXTS:
        if not isinstance(conf.get(name) or "", str):
            yield _wrong_type(name, "a string")
    for name in LISTS_OF_TEXTS:
        value = conf.get(name) or ()
        values = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(item, str) and item for item in values):
            yield _wrong_type(name, "a string or a list of strings")
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


def rotation_is_chosen() -> Iterator[CheckMessage]:
    chosen = "ROTATE_REFRESH_TOKENS" in {*conf.jwt_sessions, *conf.simple_jwt}
    if conf.simple_jwt and not chosen:
        yield Error(
            "SIMPLE_JWT does not say whether refresh tokens rotate; simplejwt's default is False, "
            "ours is True.",
            hint="Set ROTATE_REFRESH_TOKENS in JWT_SESSIONS: True if your clients store the "
            "refresh token that a refresh returns, False if they keep their first one.",
            id="jwt_sessions.E006",
        )


def simple_jwt_asks_nothing_else() -> Iterator[CheckMessage]:
    for name, value in conf.simple_jwt.items():
        if not value or name in TAKEN_FROM_SIMPLE_JWT:
            continue
        if name in IGNORED_FROM_SIMPLE_JWT:
            yield Warning(
                f"SIMPLE_JWT's {name} has no effect. {IGNORED_FROM_SIMPLE_JWT[name]}",
                hint="Remove it.",
                id="jwt_sessions.W001",
            )
        elif (hint := _what_instead(str(name))) is not None:
            yield Error(
                f"SIMPLE_JWT's {name} cannot be followed.", hint=hint, id="jwt_sessions.E007"
            )


def _what_instead(name: str) -> str | None:
    if name.startswith("SLIDING_"):
        return "Sliding tokens cannot be revoked; use access and refresh tokens, and remove it."
    if name.endswith("_SERIALIZER"):
        return "Write a view of your own around jwt_sessions.sessions instead, and remove it."
    return REFUSED_FROM_SIMPLE_JWT.get(name)


def user_id_field_names_one_person() -> Iterator[CheckMessage]:
    name = conf.get("USER_ID_FIELD", "pk")
    if name == "pk":
        return
    model = get_user_model()
    try:
        unique = getattr(model._meta.get_field(name), "unique", False)
    except FieldDoesNotExist:
        unique = False
    if not unique:
        yield Error(
            f"USER_ID_FIELD is {name!r}, which is no unique field of {model._meta.label}.",
            hint="Name a unique field, or leave it out for the primary key.",
            id="jwt_sessions.E008",
        )


def user_authentication_rule_can_be_called() -> Iterator[CheckMessage]:
    rule: object
    try:
        rule = conf.USER_AUTHENTICATION_RULE
    except ImportError:
        rule = "not importable"
    if rule is not None and not callable(rule):
        yield Error(
            f"USER_AUTHENTICATION_RULE is {conf.get('USER_AUTHENTICATION_RULE')!r}, which cannot "
            "be imported or called.",
            hint="Write the dotted path of a function that takes a user and returns a bool.",
            id="jwt_sessions.E009",
        )


def claims_keep_their_meaning() -> Iterator[CheckMessage]:
    names = [conf.get(name) for name in ("USER_ID_CLAIM", "JTI_CLAIM", "TOKEN_TYPE_CLAIM")]
    for name in names:
        if name in RESERVED_CLAIMS:
            yield Error(
                f"The claim {name!r} has a meaning of its own.",
                hint="Give USER_ID_CLAIM, JTI_CLAIM and TOKEN_TYPE_CLAIM other names.",
                id="jwt_sessions.E010",
            )


def sessions_live_beside_users() -> Iterator[CheckMessage]:
    ours, theirs = router.db_for_write(Session), router.db_for_write(get_user_model())
    if ours != theirs:
        yield Error(
            f"Sessions are written to the database {ours!r}, users to {theirs!r}.",
            hint="Have DATABASE_ROUTERS send jwt_sessions where the user model is.",
            id="jwt_sessions.E011",
        )


def simplejwt_authenticates_nobody() -> Iterator[CheckMessage]:
    classes: Any = rest_framework_settings.DEFAULT_AUTHENTICATION_CLASSES or ()
    for cls in classes:
        if cls.__module__ == SIMPLE_JWT_AUTHENTICATION:
            yield Error(
                f"DEFAULT_AUTHENTICATION_CLASSES has simplejwt's {cls.__name__}, which does not "
                "ask whether a session was revoked.",
                hint="Put jwt_sessions.authentication.JWTSessionAuthentication in its place.",
                id="jwt_sessions.E012",
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
            hint="Set SIGNING_KEY, so that each of the two can be changed without the other.",
            id="jwt_sessions.W004",
        )
    elif conf.SIGNING_KEY in conf.secret_keys:
        yield Warning(
            "SIGNING_KEY is SECRET_KEY itself: what leaks one leaks the other.",
            hint="Make a key of its own, or leave SIGNING_KEY out to have one derived.",
            id="jwt_sessions.W005",
        )


RULES: Final[tuple[Rule, ...]] = (
    names_are_known,
    durations_are_timedeltas,
    values_have_their_types,
    issuer_is_set,
    keys_can_serve,
    rotation_is_chosen,
    simple_jwt_asks_nothing_else,
    user_id_field_names_one_person,
    user_authentication_rule_can_be_called,
    claims_keep_their_meaning,
    sessions_live_beside_users,
    simplejwt_authenticates_nobody,
    lifetimes_are_in_order,
    rotation_is_on,
)
DEPLOY_RULES: Final[tuple[Rule, ...]] = (signing_key_is_set,)
