"""What a project's own admin page of a user gets: the way to the person's sessions and factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from jwt_sessions.admin.permissions import BULK_REVOKE, VIEW_FACTORS, VIEW_SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest

TEMPLATE: Final = "admin/jwt_sessions/user.html"


class Link(NamedTuple):
    """Where to go from a person's page."""

    title: str
    address: str


class SessionsAdminMixin:
    """Lead from a user's page to their sessions, to what ends all of them, and to their factors.

    ``class MyUserAdmin(SessionsAdminMixin, UserAdmin)``, of whichever user model. The template that
    the page has without it goes on counting.
    """

    admin_site: Any

    def render_change_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response: Any = super().render_change_form(request, *args, **kwargs)  # type: ignore[misc]  # the ModelAdmin's
        context = response.context_data
        person = context.get("original")
        if person is not None and not context.get("is_popup"):
            context["base_template"] = response.resolve_template(response.template_name)
            context["jwt_sessions_links"] = list(links_of(person, self.admin_site, request))
            response.template_name = TEMPLATE
        return response


def links_of(person: Any, site: Any, request: HttpRequest) -> Iterator[Link]:
    """Yield where this operator may go from a person's page."""
    ways = (
        (gettext("Sessions"), VIEW_SESSION, "session_changelist", {"user": person.pk}),
        (gettext("Revoke all sessions"), BULK_REVOKE, "bulkrevocation_new", {"users": person.pk}),
        (gettext("Second factors"), VIEW_FACTORS, "person_factors", None),
    )
    for title, permission, name, query in ways:
        if not request.user.has_perm(permission):
            continue
        args = [quote(person.pk)] if query is None else []
        try:
            address = reverse(f"{site.name}:jwt_sessions_{name}", args=args)
        except NoReverseMatch:
            continue  # not on this site
        yield Link(title, f"{address}?{urlencode(query)}" if query else address)
