"""What a project that comes from simplejwt has set up already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from rest_framework.settings import api_settings as rest_framework_settings
from rest_framework_simplejwt.settings import DEFAULTS

from jwt_sessions.conf import TAKEN_FROM_SIMPLE_JWT, conf

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED_FROM_SIMPLE_JWT: Final = {
    "JWK_URL": "Our own keys verify our own tokens; remove it.",
    "AUTH_TOKEN_CLASSES": "Access tokens are the only ones that authenticate; remove it.",
    "TOKEN_USER_CLASS": "Every request loads the real user; remove it.",
    "JSON_ENCODER": "All claims are plain JSON; remove it.",
    "REVOKE_TOKEN_CLAIM": "A changed password ends sessions without a claim; remove it.",
}
IGNORED_FROM_SIMPLE_JWT: Final = {
    "BLACKLIST_AFTER_ROTATION": "A rotated refresh token is always superseded.",
    "CHECK_REVOKE_TOKEN": "A changed password always ends the user's other sessions.",
    "UPDATE_LAST_LOGIN": "Django's user_logged_in is always sent, and updates last_login.",
}
SIMPLE_JWT_AUTHENTICATION: Final = "rest_framework_simplejwt.authentication"


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


def nothing_else_is_asked() -> Iterator[CheckMessage]:
    for name, value in conf.simple_jwt.items():
        if not value or name in TAKEN_FROM_SIMPLE_JWT or _is_default(name, value):
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


def _is_default(name: str, value: Any) -> bool:
    return bool((tuple(value) if isinstance(value, list) else value) == DEFAULTS.get(name))


def _what_instead(name: str) -> str | None:
    if name.startswith("SLIDING_"):
        return "Sliding tokens cannot be revoked; use access and refresh tokens, and remove it."
    if name.endswith("_SERIALIZER"):
        return "Write a view of your own around jwt_sessions.sessions instead, and remove it."
    return REFUSED_FROM_SIMPLE_JWT.get(name)


def its_class_authenticates_nobody() -> Iterator[CheckMessage]:
    classes: Any = rest_framework_settings.DEFAULT_AUTHENTICATION_CLASSES or ()
    for cls in classes:
        if any(base.__module__ == SIMPLE_JWT_AUTHENTICATION for base in cls.__mro__):
            yield Error(
                f"DEFAULT_AUTHENTICATION_CLASSES has {cls.__name__} of simplejwt's, which does not "
                "ask whether a session was revoked.",
                hint="Put jwt_sessions.authentication.JWTSessionAuthentication in its place.",
                id="jwt_sessions.E012",
            )
