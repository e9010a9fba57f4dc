"""The form that says which sessions a bulk revocation is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib.admin.helpers import AdminForm
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from jwt_sessions.admin.bulk.fields import KeysField, MomentField, NamesField, PeoplePicker
from jwt_sessions.admin.bulk.people_by_name import find_people
from jwt_sessions.admin.permissions import may_view, must_spare_superusers
from jwt_sessions.exceptions import BadCriteria
from jwt_sessions.models import Session, SessionKind
from jwt_sessions.sessions import Criteria
from jwt_sessions.sessions.criteria import group_model

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.http import HttpRequest

# How many unknown names are told.
TOLD: Final = 20
# What is handed on as it is typed.
PLAIN: Final = (
    *("everyone", "staff", "without_second_factor"),
    *("created_after", "created_before", "active_since", "inactive_since"),
    *("network", "device", "kind"),
)
FIELDSETS: Final = (
    (_("Whose sessions"), ("users", "names", "ignore_unknown", "groups", "staff", "except_own")),
    (_("When"), ("created_after", "created_before", "active_since", "inactive_since")),
    (_("Where and how"), ("network", "device", "kind", "without_second_factor")),
    (_("No condition"), ("everyone",)),
)


def is_superuser_known() -> bool:
    """Return whether the user model has superusers at all."""
    return any(field.name == "is_superuser" for field in get_user_model()._meta.fields)


class CriteriaForm(forms.Form):
    """Which sessions. ``cleaned_data["criteria"]`` has them, where all is well."""

    session_ids = forms.CharField(required=False, widget=forms.HiddenInput)
    users = KeysField(label=_("People"), required=False, queryset=None)
    names = NamesField(
        label=_("People by name"),
        required=False,
        help_text=_("User names or e-mail addresses: one on a line, or with commas between."),
    )
    ignore_unknown = forms.BooleanField(
        label=_("Go on without the names that are unknown"), required=False
    )
    groups = KeysField(
        label=_("Groups"),
        required=False,
        queryset=None,
        help_text=_("Of members of any of these groups."),
    )
    staff = forms.BooleanField(label=_("Staff only"), required=False)
    except_own = forms.BooleanField(label=_("Except my own sessions"), required=False)
    created_after = MomentField(label=_("Signed in at or after"), required=False)
    created_before = MomentField(label=_("Signed in before"), required=False)
    active_since = MomentField(label=_("Last seen at or after"), required=False)
    inactive_since = MomentField(label=_("Last seen before"), required=False)
    network = forms.CharField(
        label=_("Address or network"),
        required=False,
        max_length=100,
        help_text=_("Where people signed in: 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."),
    )
    device = forms.CharField(
        label=_("Device"),
        required=False,
        max_length=200,
        help_text=_("Text in the name of the device, its browser, its system or its user agent."),
    )
    kind = forms.ChoiceField(
        label=pgettext_lazy("of a session", "Kind"),
        required=False,
        choices=[("", pgettext_lazy("kind of session", "Any")), *SessionKind.choices],
    )
    without_second_factor = forms.BooleanField(
        label=_("Signed in without a second factor"), required=False
    )
    everyone = forms.BooleanField(
        label=_("All sessions"),
        required=False,
        help_text=_("Needed only where nothing else is given."),
    )

    def __init__(self, *args: Any, site: AdminSite, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.operator: Any = request.user
        self.spares_superusers = must_spare_superusers(request.user)
        self._offer_people(site, request)
        self._offer_groups()
        if not any(field.name == "is_staff" for field in get_user_model()._meta.fields):
            del self.fields["staff"]

    def _offer_people(self, site: AdminSite, request: HttpRequest) -> None:
        """Let people be picked where Django's admin can look them up for this operator."""
        people = (
            site.get_model_admin(get_user_model())
            if may_view(get_user_model(), site, request)
            else None
        )
        if people is None or not people.get_search_fields(request):
            del self.fields["users"]
            return
        field: Any = self.fields["users"]
        field.widget = PeoplePicker(Session._meta.get_field("user"), site)
        field.queryset = people.get_queryset(request)

    def _offer_groups(self) -> None:
        field: Any = self.fields["groups"]
        try:
            field.queryset = group_model()._default_manager.order_by("pk")
        except BadCriteria:
            del self.fields["groups"]
            return
        if not field.queryset.exists():
            del self.fields["groups"]

    def clean_session_ids(self) -> list[str] | None:
        text: str = self.cleaned_data["session_ids"]
        return text.split() or None

    def clean_network(self) -> str:
        text: str = self.cleaned_data["network"]
        try:
            if text:
                Criteria(network=text)
        except BadCriteria as error:
            raise ValidationError(_tell(error), error.code) from error
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        people = self._clean_people()
        if not self.errors:
            data["criteria"] = self._make_criteria(people)
        return data

    def _clean_people(self) -> list[Any] | None:
        """Return the keys of those picked and those named, or None where nobody was."""
        picked = [user.pk for user in self.cleaned_data.get("users") or ()]
        names: list[str] = self.cleaned_data.get("names") or []
        if not picked and not names:
            return None
        named, unknown = find_people(names)
        if unknown and not self.cleaned_data.get("ignore_unknown"):
            self.add_error("names", _tell_unknown(unknown))
        return list(dict.fromkeys([*picked, *named]))

    def _make_criteria(self, people: list[Any] | None) -> Criteria | None:
        data = self.cleaned_data
        given: dict[str, Any] = {name: data[name] for name in PLAIN if data.get(name)}
        groups = data.get("groups")
        try:
            return Criteria(
                **given,
                session_ids=data.get("session_ids"),
                users=people,
                groups=list(groups) if groups else None,
                except_users=[self.operator] if data.get("except_own") else None,
                except_superusers=self.spares_superusers,
            )
        except BadCriteria as error:
            self.add_error(None, _tell(error))
            return None

    def has_unknown_names(self) -> bool:
        return self.is_bound and (
            self.has_error("names", "unknown_names") or bool(self["ignore_unknown"].value())
        )

    def laid_out(self) -> AdminForm:
        """Return it as Django's admin lays out its forms."""
        hidden = set() if self.has_unknown_names() else {"ignore_unknown"}
        shown = self.fields.keys() - hidden
        fieldsets = [
            (name, {"fields": [each for each in fields if each in shown]})
            for name, fields in FIELDSETS
        ]
        form: Any = self  # which need not be of a model
        return AdminForm(form, fieldsets, {})

    def count_ticked(self) -> int:
        """Return how many sessions were ticked in the list."""
        return len(str(self["session_ids"].value() or "").split())

    def as_hidden(self) -> list[Any]:
        """Return all that was sent as hidden fields, to be sent again."""
        return [field.as_hidden() for field in self if field.value() not in (None, "", [], False)]


def _tell_unknown(names: list[str]) -> ValidationError:
    words = ngettext(
        "%(number)d name is unknown: %(names)s.",
        "%(number)d names are unknown: %(names)s.",
        len(names),
    )
    told = ", ".join(names[:TOLD]) + (", …" if len(names) > TOLD else "")
    return ValidationError(words, "unknown_names", {"number": len(names), "names": told})


def _tell(error: BadCriteria) -> str:
    texts = {
        "no_criteria": gettext("Say which sessions. For all of them, tick “All sessions”."),
        "bad_network": gettext("This is neither an IP address nor a network."),
    }
    return texts.get(error.code, gettext("This is not understood."))
