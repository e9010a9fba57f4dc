"""The project around us: its user model, its databases, its own code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.core.exceptions import FieldDoesNotExist
from django.db import router

from jwt_sessions.conf import conf
from jwt_sessions.models import Session

if TYPE_CHECKING:
    from collections.abc import Iterator


def user_id_field_names_one_person() -> Iterator[CheckMessage]:
    name = conf.get("USER_ID_FIELD", "pk")
    if name == "pk":
        return
    model = get_user_model()
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        field = None
    if not getattr(field, "unique", False) or field.null or field.blank:
        yield Error(
            f"USER_ID_FIELD is {name!r}, which is no unique field of {model._meta.label} that is "
            "always filled.",
            hint="Name a field that is unique and neither null nor blank, or leave it out for the "
            "primary key.",
            id="jwt_sessions.E008",
        )


def user_authentication_rule_can_be_called() -> Iterator[CheckMessage]:
    if not can_be_called("USER_AUTHENTICATION_RULE"):
        yield Error(
            f"USER_AUTHENTICATION_RULE is {conf.get('USER_AUTHENTICATION_RULE')!r}, which cannot "
            "be imported or called.",
            hint="Write the dotted path of a function that takes a user and returns a bool.",
            id="jwt_sessions.E009",
        )


def extra_claims_can_be_called() -> Iterator[CheckMessage]:
    if not can_be_called("EXTRA_CLAIMS"):
        yield Error(
            f"EXTRA_CLAIMS is {conf.get('EXTRA_CLAIMS')!r}, which cannot be imported or called.",
            hint="Write the dotted path of a function that takes a session and returns a dict.",
            id="jwt_sessions.E020",
        )


def can_be_called(name: str) -> bool:
    """Return whether this setting names nothing, or what can be called."""
    try:
        function = conf.imported(name)
    except (ImportError, ValueError, TypeError):  # the last two for ".name" and "..name"
        return False
    return function is None or callable(function)


def https_is_used() -> Iterator[CheckMessage]:
    issuer = conf.get("ISSUER")
    if isinstance(issuer, str) and issuer.startswith("http:"):
        yield Warning(
            f"ISSUER is {issuer!r}: others would fetch our public keys without knowing whose.",
            hint="Write the https:// address of your site.",
            id="jwt_sessions.W011",
        )
    if not conf.is_https_enforced:
        yield Warning(
            "Nothing here sees to it that tokens travel by HTTPS.",
            hint="Set SECURE_SSL_REDIRECT, or behind a proxy that ends TLS, "
            "SECURE_PROXY_SSL_HEADER.",
            id="jwt_sessions.W011",
        )


def links_in_mails_lead_here() -> Iterator[CheckMessage]:
    if conf.SECURITY_MAILS and conf.answers_to_any_name:
        yield Warning(
            "ALLOWED_HOSTS has '*': whoever signs in with a stolen password chooses, by the header "
            "Host, where the link in the mail about a new device leads.",
            hint="Name the hosts of your site. Where a proxy in front lets no other Host through, "
            "silence this.",
            id="jwt_sessions.W016",
        )


def times_have_zones() -> Iterator[CheckMessage]:
    if not conf.has_time_zones:
        yield Error(
            "USE_TZ is False: when clocks are set back, an hour happens twice, and an old refresh "
            "token could pass for a new one.",
            hint="Set USE_TZ = True, Django's default.",
            id="jwt_sessions.E014",
        )


def sessions_live_beside_users() -> Iterator[CheckMessage]:
    ours, theirs = router.db_for_write(Session), router.db_for_write(get_user_model())
    if ours != theirs:
        yield Error(
            f"Sessions are written to the database {ours!r}, users to {theirs!r}.",
            hint="Have DATABASE_ROUTERS send jwt_sessions where the user model is.",
            id="jwt_sessions.E011",
        )
