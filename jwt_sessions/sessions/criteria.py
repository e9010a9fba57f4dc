"""Which sessions a bulk revocation is about, in words that can be kept and read again."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final, Self

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Exists, OuterRef, Q, TextField
from django.db.models.functions import Cast
from django.db.models.lookups import Contains
from django.utils import timezone

from jwt_sessions import clients
from jwt_sessions.claims import AMR_MULTIPLE_FACTORS
from jwt_sessions.exceptions import BadCriteria
from jwt_sessions.models import Among, RefreshToken, Session, SessionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jwt_sessions.models.session import SessionQuerySet

JSON_TYPES: Final = {
    **dict.fromkeys(["everyone", "staff", "without_second_factor", "except_superusers"], bool),
    **dict.fromkeys(["session_ids", "users", "groups", "except_users"], list),
}
TIMES: Final = ("created_before", "created_after", "inactive_since", "active_since")
# What only narrows others.
EXCEPTIONS: Final = {"except_users", "except_superusers"}


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """Which sessions: all that is given must hold. Raises ``BadCriteria`` where nothing is given.

    `everyone` stands for no condition at all: forgetting the others never ends all sessions.
    `session_ids`, `users` and `groups` are objects or primary keys; where they are given and empty,
    nothing is meant. `staff`: whose ``is_staff`` is set. `created_before` and `created_after` are
    about the sign-in, `inactive_since` and `active_since` about the last refresh: before then, then
    or later. `network` is an IP address or a network, of
    the sign-in. `device` is a part of the device's name, browser, system or user agent.
    `without_second_factor`: in which no second factor was proven. `except_users` and
    `except_superusers` leave these people alone, and are no criteria by themselves.
    """

    everyone: bool = False
    session_ids: Iterable[Any] | None = None
    users: Iterable[Any] | None = None
    groups: Iterable[Any] | None = None
    staff: bool = False
    created_before: datetime | None = None
    created_after: datetime | None = None
    inactive_since: datetime | None = None
    active_since: datetime | None = None
    network: str | None = None
    device: str | None = None
    kind: str | None = None
    without_second_factor: bool = False
    except_users: Iterable[Any] | None = None
    except_superusers: bool = False

    def __post_init__(self) -> None:
        for name in OWNERS:
            object.__setattr__(self, name, _keys_of(getattr(self, name), OWNERS[name]))
        if not self._given().keys() - EXCEPTIONS:
            raise BadCriteria("no_criteria", "No criterion is given.")
        if self.staff:
            _user_field("is_staff", "no_staff")
        for name in TIMES:
            _check_time(name, getattr(self, name))
        if self.network is not None:
            address_range(self.network)
        if self.device is not None:
            _check_text(self.device)
        if self.kind not in {None, *SessionKind.values}:
            raise BadCriteria("unknown_kind", f"There is no kind {self.kind!r} of sessions.")

    def sessions(self) -> SessionQuerySet:
        """Return the sessions that meet all criteria, ended ones among them."""
        conditions = [CONDITIONS[name](value) for name, value in self._given().items()]
        # Neither joins nor annotations: where rows are locked, sessions alone are.
        return Session.objects.filter(*conditions)

    def to_json(self) -> dict[str, Any]:
        """Return what is given as a JSON object; of people it tells primary keys only."""
        return {name: _to_json(value) for name, value in self._given().items()}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Return what ``to_json`` was called on. Raises ``BadCriteria`` for anything else."""
        if not _is_like_ours(data):
            raise BadCriteria("not_understood", f"Criteria are not understood: {data!r}.")
        try:
            times = {name: datetime.fromisoformat(data[name]) for name in TIMES if name in data}
        except ValueError as error:
            raise BadCriteria("bad_time", f"Criteria are not understood: {error}.") from error
        return cls(**{**data, **times})

    def _given(self) -> dict[str, Any]:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in given.items() if value not in (None, False)}


def _users_by(**conditions: Any) -> Q:
    users: Any = get_user_model()._base_manager.filter(**conditions)
    return Q(user__in=users.values("pk"))


def _of_superusers() -> Q:
    has_superusers = any(field.name == "is_superuser" for field in get_user_model()._meta.fields)
    return _users_by(is_superuser=True) if has_superusers else Q(pk__in=[])


def _seen(**conditions: Any) -> Q:
    return Q(Exists(RefreshToken.objects.filter(pk=OuterRef("pk"), **conditions)))


def _on_device(text: str) -> Q:
    columns = ("device_name", "browser", "platform", "user_agent")
    found = Q()
    for column in columns:
        found |= Q(**{f"{column}__icontains": text.strip()})
    return found


def _without_second_factor(_: bool) -> Q:
    # As text: to look into a JSON list is each database's own art.
    return ~Q(Contains(Cast("amr", TextField()), f'"{AMR_MULTIPLE_FACTORS}"'))


CONDITIONS: Final[dict[str, Callable[[Any], Q]]] = {
    "everyone": lambda _: Q(),
    "session_ids": lambda ids: Q(Among("pk", ids)),
    "users": lambda keys: Q(user__in=keys),
    "groups": lambda keys: _users_by(groups__in=keys),
    "staff": lambda _: _users_by(is_staff=True),
    "created_before": lambda moment: Q(created_at__lt=moment),
    "created_after": lambda moment: Q(created_at__gte=moment),
    "inactive_since": lambda moment: _seen(last_seen_at__lt=moment),
    "active_since": lambda moment: _seen(last_seen_at__gte=moment),
    "network": lambda text: Q(address_key__range=address_range(text)),
    "device": _on_device,
    "kind": lambda kind: Q(kind=kind),
    "without_second_factor": _without_second_factor,
    "except_users": lambda keys: ~Q(user__in=keys),
    "except_superusers": lambda _: ~_of_superusers(),
}


def group_model() -> Any:
    """Return the model of the users' groups. Raises ``BadCriteria`` where they have none."""
    return _user_field("groups", "no_groups").related_model


# Whose primary keys these are.
OWNERS: Final[dict[str, Callable[[], Any]]] = {
    "session_ids": lambda: Session,
    "users": get_user_model,
    "groups": group_model,
    "except_users": get_user_model,
}


def _keys_of(objects: Iterable[Any] | None, model: Callable[[], Any]) -> tuple[Any, ...] | None:
    """Return the primary keys behind objects, or behind the texts that stand for keys."""
    if objects is None:
        return None
    if isinstance(objects, str):
        raise BadCriteria("not_understood", "One text is no list of primary keys.")
    key: Any = model()._meta.pk
    while key.remote_field:
        key = key.target_field
    try:
        keys = tuple(key.to_python(getattr(each, "pk", each)) for each in objects)
        for each in keys:
            # Some databases raise errors where a number is too large for the column.
            key.run_validators(each)
    except (ValidationError, OverflowError) as error:
        message = " ".join(getattr(error, "messages", [str(error)]))
        raise BadCriteria("not_understood", message) from error
    return keys


def _user_field(name: str, code: str) -> Any:
    """Return a column or relation of the user model, which may well lack it."""
    model = get_user_model()
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist as error:
        raise BadCriteria(code, f"{model._meta.label} has no {name}.") from error


def _check_time(name: str, moment: datetime | None) -> None:
    if moment is None:
        return
    if timezone.is_aware(moment) != timezone.is_aware(timezone.now()):
        raise BadCriteria("bad_time", f"{name} must have a time zone, as USE_TZ says.")
    try:
        # In every time zone.
        _ = moment - timedelta(days=2), moment + timedelta(days=2)
    except OverflowError as error:
        raise BadCriteria("bad_time", f"{name} is at an end of the calendar.") from error


def _check_text(device: str) -> None:
    if not device.strip():
        raise BadCriteria("blank_device", "A device without a letter is every device.")
    # Which no database holds, or not every one.
    if "\0" in device or device != device.encode(errors="replace").decode():
        raise BadCriteria("not_understood", f"{device!r} is no text.")


def address_range(text: str) -> tuple[str, str]:
    """Return the lowest and the highest ``address_key`` of an address or network."""
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError as error:
        message = f"{text!r} is neither an IP address nor a network."
        raise BadCriteria("bad_network", message) from error
    ends = (network.network_address, network.broadcast_address)
    first, last = (clients.address_key(str(end)) for end in ends)
    return first, last


def _is_like_ours(data: Any) -> bool:
    """Return whether it is a JSON object with no other names and types than ours has."""
    if not isinstance(data, dict) or not data.keys() <= CONDITIONS.keys():
        return False
    return all(type(value) is JSON_TYPES.get(name, str) for name, value in data.items())


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [str(key) for key in value]
    return value
