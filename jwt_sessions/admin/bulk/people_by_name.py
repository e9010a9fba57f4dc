"""People found by the names that somebody has pasted."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import get_user_model

from jwt_sessions.admin.bulk.fields import read_value
from jwt_sessions.models import session_alias

# Names in one query.
CHUNK: Final = 1_000


def find_people(names: list[str]) -> tuple[list[Any], list[str]]:
    """Return the primary keys of people, and the names that nobody has.

    By the name they sign in with, else by their e-mail address. Two queries for each 1,000 names.
    """
    model = get_user_model()
    keys, unknown = _find(names, model.USERNAME_FIELD)
    address = model.get_email_field_name()
    has_address = any(field.name == address for field in model._meta.fields)
    if unknown and has_address and address != model.USERNAME_FIELD:
        more, unknown = _find(unknown, address)
        keys += more
    return keys, unknown


def names_of(keys: list[str]) -> str:
    """Return the names that people with these keys sign in with, one on a line."""
    model = get_user_model()
    good = [key for key in keys if read_value(model._meta.pk, key) is not None]
    users = model._base_manager.using(session_alias()).filter(pk__in=good)
    return "\n".join(user.get_username() for user in users)


def _find(names: list[str], field_name: str) -> tuple[list[Any], list[str]]:
    model = get_user_model()
    rows = model._base_manager.using(session_alias())
    keys: list[Any] = []
    found: set[str] = set()
    for start in range(0, len(names), CHUNK):
        values = _spellings(names[start : start + CHUNK], model._meta.get_field(field_name))
        pairs = rows.filter(**{f"{field_name}__in": values}).values_list("pk", field_name)
        for key, value in _those_meant(list(pairs), names):
            keys.append(key)
            # A database may take capitals for small letters.
            found.add(str(value).casefold())
    return keys, [name for name in names if name.casefold() not in found]


def _those_meant(pairs: list[tuple[Any, Any]], names: list[str]) -> list[tuple[Any, Any]]:
    """Return those who were named: not "carol" where "Carol" was, and both are people."""
    named, existing = set(names), {str(value) for _, value in pairs}
    others = {name.lower() for name in named & existing} - named
    return [(key, value) for key, value in pairs if str(value) not in others]


def _spellings(names: list[str], field: Any) -> set[Any]:
    """Return what may stand in a column: a name, also without capitals (addresses mostly are)."""
    values = (read_value(field, each) for name in names for each in (name, name.lower()))
    return {value for value in values if value is not None}
