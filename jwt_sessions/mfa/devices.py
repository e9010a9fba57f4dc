"""Which devices a person has: ours, and every other model that django-otp knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, router
from django.db.models import CharField, DateTimeField, Value
from django_otp import device_classes

from jwt_sessions import clients
from jwt_sessions.conf import TOTP, until_settings_change
from jwt_sessions.models import EncryptedTOTP, FactorDevice, MessageDevice, RecoveryCodes
from jwt_sessions.models.device import NAME_LENGTH
from jwt_sessions.models.recovery_codes import RECOVERY_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from django.db.models import QuerySet
    from django_otp.models import Device

OURS: Final[tuple[type[FactorDevice], ...]] = (EncryptedTOTP, RecoveryCodes, MessageDevice)
MOMENT: Final = DateTimeField()
# django-otp's own devices that do what ours do. The method of any other is its label.
STOCK_METHODS: Final = {"otp_totp.totpdevice": TOTP, "otp_static.staticdevice": RECOVERY_CODE}


@dataclass(frozen=True, slots=True)
class OwnedDevice:
    """A confirmed device of a person's, whichever model it is of.

    `id` is opaque; `method` is what it is called by clients, and the factor that wrong codes count
    against. `confirmed_at` and `last_used_at` are None where its model does not know.
    """

    model: type[Device]
    pk: str
    method: str
    name: str
    confirmed_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def id(self) -> str:
        """What names it among all devices of all models."""
        return f"{self.model.model_label()}-{self.pk}"

    @property
    def is_ours(self) -> bool:
        """Whether it is of one of our models."""
        return self.model in OURS

    @property
    def is_factor(self) -> bool:
        """Whether it makes a second factor by itself: our recovery codes only stand in for one."""
        return self.model is not RecoveryCodes

    @property
    def is_interactive(self) -> bool:
        """Whether it sends codes when it is asked to, by what django-otp calls a challenge."""
        return not hasattr(self.model.generate_challenge, "stub")

    @property
    def persistent_id(self) -> str:
        """What django-otp calls the device by, in ``request.session`` too."""
        return f"{self.model.model_label()}/{self.model._meta.pk.to_python(self.pk)}"

    def rows(self) -> QuerySet[Any]:
        """Return a query for the one row."""
        return _rows(self.model).filter(pk=self.pk)


def list_devices(user: Any) -> list[OwnedDevice]:
    """Return a person's confirmed devices, ours first. One query, however many models there are."""
    models = device_models()
    found = [_read(row, connection) for row, connection in _ask(user, models, _describing)]
    # A UNION has no order of its own.
    order = list(models.values())
    return sorted(found, key=lambda device: (order.index(device.model), len(device.pk), device.pk))


def has_second_factor(user: Any) -> bool:
    """Return whether a password alone does not let this person in. One query.

    Every sign-in asks, so it asks for no more than it needs.
    """
    factors = {label: m for label, m in device_models().items() if m is not RecoveryCodes}
    return any(True for _ in _ask(user, factors, lambda _model, _connection: "1"))


def find_device(user: Any, device_id: str) -> OwnedDevice | None:
    """Return a device of this person's by its id; another's is as unknown as none."""
    found = (device for device in list_devices(user) if device.id == device_id)
    return next(found, None)


def load_all(devices: Iterable[OwnedDevice]) -> Iterator[tuple[OwnedDevice, Any]]:
    """Yield devices with their instances, but for those that are gone. One query per model."""
    by_model: dict[type[Device], dict[Any, OwnedDevice]] = {}
    for device in devices:
        by_model.setdefault(device.model, {})[device.model._meta.pk.to_python(device.pk)] = device
    for model, owned in by_model.items():
        for instance in _rows(model).filter(pk__in=owned):
            yield owned[instance.pk], instance


def methods_of(devices: Iterable[OwnedDevice]) -> list[str]:
    """Return the methods that a person can prove themselves by."""
    return list(dict.fromkeys(device.method for device in devices))


def clean_name(name: str) -> str:
    """Return a name for a device, fit to be shown and stored."""
    return clients.clean_text(name, NAME_LENGTH)


@until_settings_change
def device_models() -> dict[str, type[Device]]:
    """Return all models of devices by label, ours first."""
    models = {model.model_label(): model for model in OURS}
    return {**models, **{model.model_label(): model for model in device_classes()}}


def _rows(model: type[Device]) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._base_manager.using(router.db_for_write(model)).all()
    return rows


def _ask(
    user: Any, models: Mapping[str, type[Device]], columns: Callable[..., str]
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the rows of one UNION of all models, each with the connection that it came by.

    One for each database, where there are several.

    Written out, because the ORM takes ten times as long to compile it as a database to answer it.
    """
    by_alias: dict[str, dict[str, type[Device]]] = {}
    for label, model in models.items():
        by_alias.setdefault(router.db_for_write(model), {})[label] = model
    for alias, there in by_alias.items():
        connection: Any = connections[alias]
        selects, parameters = [], []
        for model in there.values():
            owner: Any = model._meta.get_field("user")
            parameters += [owner.get_db_prep_value(user.pk, connection), True]
            selects.append(_select(model, connection, columns(model, connection)))
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(selects), parameters)
            yield from ((row, connection) for row in cursor.fetchall())


def _select(model: type[Device], connection: Any, columns: str) -> str:
    quote, meta = connection.ops.quote_name, model._meta
    owner, confirmed = (quote(meta.get_field(name).column) for name in ("user", "confirmed"))
    table = quote(meta.db_table)
    return f"SELECT {columns} FROM {table} WHERE {owner} = %s AND {confirmed} = %s"  # noqa: S608 - names of ours


def _describing(model: type[Device], connection: Any) -> str:
    """Return the columns that ``_read`` reads."""
    quote, meta = connection.ops.quote_name, model._meta
    pk, name = quote(meta.pk.column), quote(meta.get_field("name").column)
    method = quote("channel") if model is MessageDevice else "''"
    confirmed_at = _moment(model, connection, "confirmed_at", "created_at")
    columns = [
        f"'{model.model_label()}'",
        f"CAST({pk} AS {CharField().cast_db_type(connection)})",
        *(method, name, confirmed_at, _moment(model, connection, "last_used_at")),
    ]
    return ", ".join(columns)


def _moment(model: type[Device], connection: Any, *names: str) -> str:
    """Return the first of these columns that is there and filled."""
    there = {field.name: field.column for field in model._meta.concrete_fields}
    columns = [connection.ops.quote_name(there[name]) for name in names if name in there]
    nothing = f"CAST(NULL AS {MOMENT.cast_db_type(connection)})"
    return f"COALESCE({', '.join([*columns, nothing])}, {nothing})"


def _read(row: tuple[Any, ...], connection: Any) -> OwnedDevice:
    label, pk, method, name, *moments = row
    model = device_models()[label]
    if not method:
        method = model.factor if issubclass(model, FactorDevice) else _stock_method(label)
    for convert in connection.ops.get_db_converters(Value(None, MOMENT)):
        moments = [convert(moment, None, connection) for moment in moments]
    return OwnedDevice(model, pk, method, name, *moments)


def _stock_method(label: str) -> str:
    methods: Mapping[str, str] = STOCK_METHODS
    return methods.get(label, label)
