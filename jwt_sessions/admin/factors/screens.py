"""Who has which second factor: authenticator apps, addresses for codes, recovery codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Count, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from jwt_sessions.admin.factors.person import PersonView, find_address
from jwt_sessions.admin.factors.reset import ResetView
from jwt_sessions.admin.lists.counting import BoundedPaginator
from jwt_sessions.admin.permissions import VIEW_FACTORS
from jwt_sessions.admin.read_only import ReadOnlyAdmin
from jwt_sessions.autocommit import in_autocommit
from jwt_sessions.models import EncryptedTOTP, MessageDevice, RecoveryCode, RecoveryCodes

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern


class FactorAdmin(ReadOnlyAdmin):
    """What the three screens share: confirmed devices, newest first. No field is a secret."""

    # What tells a device from others of its kind.
    own_columns: ClassVar[list[str]] = ["name"]
    last_used: ClassVar[str] = "last_used_at"
    paginator = BoundedPaginator
    ordering = ["-pk"]
    sortable_by = ()
    list_select_related = ["user"]
    search_help_text = _("Search by the name that a person signs in with, in full.")
    change_list_template = "admin/jwt_sessions/factors/change_list.html"
    change_form_template = "admin/jwt_sessions/factors/detail.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user").filter(confirmed=True)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        who = "person" if request.user.has_perm(VIEW_FACTORS) else "user"
        return ["__str__", who, *self.own_columns, "confirmed_at", self.last_used]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["user", *self.own_columns, "created_at", "confirmed_at", self.last_used]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"user__{get_user_model().USERNAME_FIELD}"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the devices of the one person who has exactly this name."""
        if not search_term:
            return queryset, False
        (path_to_name,) = self.get_search_fields(request)
        name: Any = get_user_model()._meta.get_field(get_user_model().USERNAME_FIELD)
        try:
            found = queryset.filter(**{path_to_name: name.to_python(search_term.strip())})
        except (ValidationError, ValueError):
            found = queryset.none()
        return found, False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Refuse every filter in an address: a secret could be guessed by what it begins with."""
        return False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        address = None
        if request.user.has_perm(VIEW_FACTORS):
            address = find_address(self.admin_site, context["original"].user)
        context = {**context, "person_address": address}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("user"))
    def person(self, device: Any) -> str:
        address = find_address(self.admin_site, device.user)
        if address is None:
            return str(device.user)
        return format_html('<a href="{}">{}</a>', address, device.user)


@admin.register(EncryptedTOTP)
class EncryptedTOTPAdmin(FactorAdmin):
    """Authenticator apps; and all that one person has, with a button to reset it."""

    def get_own_urls(self) -> list[URLPattern]:
        wrap, person = self.admin_site.admin_view, PersonView.as_view(model_admin=self)
        # What is refused or done stays so, also where each request is a transaction; and on SQLite
        # one that has read could not wait for its turn to write.
        reset = in_autocommit(wrap(ResetView.as_view(model_admin=self)))
        names = "jwt_sessions_person_factors", "jwt_sessions_person_factors_reset"
        return [
            path("person/<path:user_id>/reset/", reset, name=names[1]),
            path("person/<path:user_id>/", wrap(person), name=names[0]),
        ]


@admin.register(MessageDevice)
class MessageDeviceAdmin(FactorAdmin):
    """Addresses that codes are sent to, most of each hidden."""

    own_columns: ClassVar[list[str]] = ["channel", "shown_address", "name"]

    @admin.display(description=_("address"))
    def shown_address(self, device: MessageDevice) -> str:
        return device.masked_address


@admin.register(RecoveryCodes)
class RecoveryCodesAdmin(FactorAdmin):
    """Who has recovery codes, and how many are left of them."""

    own_columns: ClassVar[list[str]] = ["codes_left"]
    last_used: ClassVar[str] = "code_used_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # For each row that is shown, not for all that there are.
        codes = RecoveryCode.objects.filter(device=OuterRef("pk")).order_by()
        left = codes.unused().values("device").annotate(number=Count("pk")).values("number")
        used = codes.values("device").annotate(latest=Max("used_at")).values("latest")
        rows: Any = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(
            left=Coalesce(Subquery(left), 0), latest_use=Subquery(used)
        )
        return annotated

    @admin.display(description=_("codes left"))
    def codes_left(self, device: Any) -> int:
        return int(device.left)

    @admin.display(description=_("last used at"))
    def code_used_at(self, device: Any) -> str:
        return self.show(device.latest_use)
