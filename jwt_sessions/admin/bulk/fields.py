"""Fields of forms that take whatever is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime

# What every database holds.
LARGEST_KEY: Final = 2**63
# Beyond these, moments have no place in some time zones or some databases.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9000


def read_value(field: Any, text: str) -> Any:
    """Return what `text` stands for in a column, or None where a column cannot hold such."""
    try:
        value = field.to_python(text)
    except (ValidationError, ValueError, OverflowError):
        return None
    is_too_large = isinstance(value, int) and abs(value) >= LARGEST_KEY
    return None if is_too_large or "\0" in str(text) else value


class KeysField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """Rows of a model. What cannot be a key of it is no choice, and no error of a database."""

    def clean(self, value: Any) -> Any:
        queryset: Any = self.queryset
        key = queryset.model._meta.pk
        for each in value or ():
            if read_value(key, each) is None:
                raise ValidationError(self.error_messages["invalid_pk_value"], params={"pk": each})
        return super().clean(value)


class PeoplePicker(AutocompleteSelectMultiple):
    """Django's own, which asks the database for the keys that were sent: only for such as are."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        key = self.field.remote_field.model._meta.pk
        good = [each for each in value if read_value(key, str(each)) is not None]
        return super().optgroups(name, good, attr)


class NamedSplitDateTime(AdminSplitDateTime):
    """Django's own, whose two inputs have names for those who hear them."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        for widget, title in zip(
            context["widget"]["subwidgets"],
            (gettext("Date"), pgettext("of a day", "Time")),
            strict=True,
        ):
            widget["attrs"]["aria-label"] = f"{self.attrs['title']}: {title}"
        return context


class MomentField(forms.SplitDateTimeField):
    """A date and a time; a date alone is its beginning."""

    widget = NamedSplitDateTime

    def widget_attrs(self, widget: Any) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "title": str(self.label)}

    def compress(self, data_list: Any) -> datetime | None:
        if data_list and data_list[1] in self.empty_values and data_list[0]:
            data_list = [data_list[0], forms.TimeField().clean("00:00")]
        moment: datetime | None = super().compress(data_list)
        if moment is not None and not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValidationError(gettext("Enter a year from 1970 on."), code="invalid_date")
        return moment


class NamesField(forms.CharField):
    """Names that were pasted: one on a line, or with commas between."""

    widget = forms.Textarea(attrs={"rows": 4, "cols": 40})
    limit: Final = 10_000

    def clean(self, value: Any) -> Any:
        text: str = super().clean(value)
        parts = (part.strip() for line in text.splitlines() for part in line.split(","))
        names = list(dict.fromkeys(part for part in parts if part))
        if len(names) > self.limit:
            message = _("These are more than 10,000 names. Do it in several parts.")
            raise ValidationError(message, code="too_many")
        return names
