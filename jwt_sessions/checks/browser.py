"""Browser sessions and the pages: what one needs of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS: Final = "jwt_sessions.middleware.AuthenticationMiddleware"


def pages_have_their_middleware() -> Iterator[CheckMessage]:
    if _are_pages_mounted() and not any(map(_keeps_browser_sessions, _middleware())):
        yield Error(
            "The pages of jwt_sessions are mounted, yet nothing keeps browser sessions.",
            hint=f"Put {OURS} in MIDDLEWARE, in the place of Django's own.",
            id="jwt_sessions.E027",
        )


def no_other_middleware_signs_in() -> Iterator[CheckMessage]:
    classes = [item for item in _middleware() if isinstance(item, type)]
    at = [place for place, item in enumerate(classes) if _keeps_browser_sessions(item)]
    later = classes[at[0] + 1 :] if at else []
    for item in later:
        if issubclass(item, AuthenticationMiddleware):
            yield Error(
                f"{item.__module__}.{item.__qualname__} stands in MIDDLEWARE after ours, and would "
                "let in whose session is revoked.",
                hint="Take it out: ours does all that it does.",
                id="jwt_sessions.E028",
            )


def a_code_can_be_entered() -> Iterator[CheckMessage]:
    if any(map(_keeps_browser_sessions, _middleware())) and not _are_pages_mounted():
        yield Warning(
            "Browser sessions are kept, yet there is no page to enter a code at: who signs in by a "
            "login page of Django's or your own is asked for no second factor, and who must have "
            "one (MFA_REQUIRED) does not get in.",
            hint='Mount the pages: path("account/", include("jwt_sessions.pages.urls")).',
            id="jwt_sessions.W017",
        )


def _middleware() -> Iterator[Any]:
    for path in conf.middleware:
        try:
            yield import_string(path)
        except ImportError:  # Django says so when it starts
            continue


def _keeps_browser_sessions(middleware: Any) -> bool:
    return bool(getattr(middleware, "keeps_browser_sessions", False))


def _are_pages_mounted() -> bool:
    try:
        reverse("jwt_sessions_pages:sign_in")
    except (NoReverseMatch, ImproperlyConfigured):
        return False
    return True
