"""Where a browser is sent: the pages of this app, where the project has mounted them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.http import HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

PAGES: Final = "jwt_sessions_pages"  # their app_name
SIGN_IN: Final = f"{PAGES}:sign_in"
# What must come before anything else: a code, or a second factor.
CODE: Final = SIGN_IN
ENROLLMENT: Final = f"{PAGES}:second_factor"


def are_pages_mounted() -> bool:
    """Return whether there is a page to enter a code at."""
    try:
        reverse(SIGN_IN)
    except NoReverseMatch:
        return False
    return True


def wants_page(request: HttpRequest) -> bool:
    """Return whether a browser asks for a page to look at, which is none of ours."""
    match = request.resolver_match
    return (
        request.method in {"GET", "HEAD"}
        and "text/html" in request.headers.get("accept", "")
        and "authorization" not in request.headers
        and not (match and PAGES in match.app_names)
    )


def send(
    due: str, *, afterwards: str, instead_of: HttpResponseBase | None = None
) -> HttpResponseRedirect:
    """Send a browser to the page `due`, and `afterwards` to where it was on the way."""
    response = HttpResponseRedirect(f"{reverse(due)}?{urlencode({'next': afterwards})}")
    if instead_of is not None:
        response.cookies = instead_of.cookies
        if "Vary" in instead_of:
            response["Vary"] = instead_of["Vary"]
    add_never_cache_headers(response)
    return response
