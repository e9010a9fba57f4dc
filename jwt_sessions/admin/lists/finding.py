"""What staff look for, found by an index and never by looking through all rows."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Q, UUIDField

from jwt_sessions import clients
from jwt_sessions.exceptions import BadCriteria
from jwt_sessions.models import Among, BulkRevocation, session_alias
from jwt_sessions.sessions.criteria import address_range

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

# More than that are no longer looked up one by one.
MOST: Final = 10_000
# People with one name: more than one only where the name is an address that several share.
NAMESAKES: Final = 10
# Numbers of records are shorter.
DIGITS: Final = 18
IPV4_BEGINNING: Final = re.compile(r"(\d{1,3}\.){1,3}")
IPV6_BEGINNING: Final = re.compile(r"([0-9a-fA-F]{1,4}:){1,7}")


@dataclass(frozen=True)
class Lookup:
    """A condition that an index answers, and the order of that index."""

    condition: Q
    order: str


@dataclass(frozen=True)
class Found:
    """Which rows: `is_small` where they are few, `is_broad` where they are too many to name."""

    condition: Q = field(default_factory=Q)
    is_small: bool = False
    is_broad: bool = False


def narrow(rows: Any, *groups: Sequence[Lookup]) -> Found:
    """Return the rows that each group has one of its conditions true for. A query for each."""
    few: set[Any] | None = None
    broad = Q()
    for group in groups:
        ids = _ids(rows, group)
        if ids is None:
            either = Q()
            for lookup in group:
                either |= lookup.condition
            broad &= either
        else:
            few = ids if few is None else few & ids
    if few is None:
        return Found(broad, is_broad=bool(broad))
    return Found(is_one_of(rows.model, few) & broad, is_small=True)


def is_one_of(model: Any, ids: Collection[Any]) -> Q:
    """Return whether a row has one of these primary keys."""
    has_uuids = isinstance(model._meta.pk, UUIDField)
    return Q(Among("pk", sorted(ids))) if has_uuids and ids else Q(pk__in=ids)


def _ids(rows: Any, group: Sequence[Lookup]) -> set[Any] | None:
    """Return which rows these are, or None where they are more than MOST."""
    ids: set[Any] = set()
    for lookup in group:
        # In the order of the index, so that the database has no reason to read anything else.
        found = rows.filter(lookup.condition).order_by(lookup.order).values_list("pk", flat=True)
        ids.update(found[: MOST + 1])
        if len(ids) > MOST:
            return None
    return ids


def by_person(key: Any) -> list[Lookup]:
    """Return what belongs to the person with this primary key, or the text that stands for one."""
    field: Any = get_user_model()._meta.pk
    while field.remote_field:
        field = field.target_field
    with suppress(ValidationError, ValueError, OverflowError):
        # No column holds NUL, and PostgreSQL would not even compare it.
        return [Lookup(Q(user=field.to_python(key)), "-pk")] if "\0" not in str(key) else []
    return []


def by_bulk_revocation(text: str) -> list[Lookup]:
    """Return what a bulk revocation has revoked, whose number stands in an address."""
    record = find_record(text)
    if record is None:
        return []
    # By the time too, of which there is an index in the order of the list.
    condition = Q(bulk_revocation=record, revoked_at__gte=record.started_at)
    return [Lookup(condition, "revoked_at")]


def find_record(text: str | None) -> BulkRevocation | None:
    """Return the bulk revocation whose number a text is."""
    number = int(text) if text and text.isascii() and text.isdecimal() and len(text) < DIGITS else 0
    return BulkRevocation.objects.filter(pk=number).first() if number else None


def sessions_by_text(text: str, fields: Iterable[str] | None = None) -> list[Lookup]:
    """Return what a text may mean for sessions: an id, an address, a person, a device."""
    text = clients.clean_text(text, 200)
    if not text:
        return []
    with suppress(ValueError):
        return [Lookup(Q(pk=UUID(text)), "pk")]
    with suppress(BadCriteria):
        return [Lookup(Q(address_key__range=address_range(_network_of(text))), "address_key")]
    device = Lookup(Q(device_key__range=clients.device_key_range(text)), "device_key")
    people = people_called(text, fields)
    return [device, *(lookup for key in people for lookup in by_person(key))]


def people_called(text: str, fields: Iterable[str] | None = None) -> list[Any]:
    """Return the primary keys of people by what they sign in with, or another exact value.

    By default also by their e-mail address, where it is indexed, and by their primary key.
    """
    model = get_user_model()
    keys: list[Any] = []
    for name in default_fields() if fields is None else fields:
        with suppress(ValidationError, ValueError, TypeError, OverflowError):
            people = model._base_manager.using(session_alias()).filter(**{name: text})
            keys += people.values_list("pk", flat=True)[:NAMESAKES]
    return list(dict.fromkeys(keys))


def default_fields() -> list[str]:
    """Return the fields of the user model that an index finds people by."""
    model = get_user_model()
    fields = [model.USERNAME_FIELD, "pk"]
    with suppress(FieldDoesNotExist, AttributeError):
        address: Any = model._meta.get_field(model.get_email_field_name())
        if address.unique or address.db_index:
            fields.append(address.name)
    return fields


def _network_of(text: str) -> str:
    """Return the network that the beginning of an address stands for."""
    if IPV4_BEGINNING.fullmatch(text):
        parts = text.rstrip(".").split(".")
        return f"{'.'.join([*parts, *['0'] * (4 - len(parts))])}/{8 * len(parts)}"
    if IPV6_BEGINNING.fullmatch(text):
        return f"{text}:/{16 * text.count(':')}"
    return text
