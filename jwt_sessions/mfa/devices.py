"""Which devices a person has: ours, and every other model that django-otp knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, router
from django.db.models import CharField
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
# django-otp's own devices that do what ours do. The method of any other is its label.
STOCK_METHODS: Final = {"otp_totp.totpdevice": TOTP, "otp_static.staticdevice": RECOVERY_CODE}


@dataclass(frozen=True, slots=True)
class OwnedDevice:
    """A confirmed device of a person's, whichever model it is of.

    `id` is opaque; `method` is what it is called by clients, and the factor that wrong codes count
    against. `confirmed_at` and `last_used_at` are set by ``with_times``, where its model knows.
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
    found = [_read(row, models) for row in _ask(user, models, _describing)]
    # A UNION has no order of its own.
    order = list(models.values())
    return sorted(found, key=lambda device: (order.index(device.model), len(device.pk), device.pk))


def with_times(devices: Iterable[OwnedDevice]) -> list[OwnedDevice]:
    """Return the same devices, with when they were confirmed and last used. One query per model."""
    return [
        replace(
            device,
            confirmed_at=_first(instance, "confirmed_at", "created_at"),
            last_used_at=_first(instance, "last_used_at"),
        )
        for device, instance in load_all(devices)
    ]


def has_second_factor(user: Any) -> bool:
    """Return whether a password alone does not let this person in. One query.

    Every sign-in asks, so it asks for no more than it needs.
    """
    factors = {label: m for label, m in device_models().items() if m is not RecoveryCodes}
    return any(True for _ in _ask(user, factors, lambda _label, _model, _connection: "1"))


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
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of one UNION of all models; one for each database, where there are several.

    Written out, because the ORM takes ten times as long to compile it as a database to answer it.
    """
    by_alias: dict[str, dict[str, type[Device]]] = {}
    for label, model in models.items():
        by_alias.setdefault(router.db_for_write(model), {})[label] = model
    for alias, there in by_alias.items():
        connection: Any = connections[alias]
        selects, parameters = [], []
        for label, model in there.items():
            owner: Any = model._meta.get_field("user")
            parameters += [owner.get_db_prep_value(user.pk, connection), True]
            selects.append(_select(model, connection, columns(label, model, connection)))
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(selects), parameters)
            yield from cursor.fetchall()


def _select(model: type[Device], connection: Any, columns: str) -> str:
    quote, meta = connection.ops.quote_name, model._meta
    owner, confirmed = (quote(meta.get_field(name).column) for name in ("user", "confirmed"))
    table = quote(meta.db_table)
    return f"SELECT {columns} FROM {table} WHERE {owner} = %s AND {confirmed} = %s"  # noqa: S608 - names of ours


def _describing(label: str, model: type[Device], connection: Any) -> str:
    """Return the columns that ``_read`` reads."""
    quote, meta = connection.ops.quote_name, model._meta
    pk, name = quote(meta.pk.column), quote(meta.get_field("name").column)
    method = quote("channel") if model is MessageDevice else "''"
    return f"'{label}', CAST({pk} AS {CharField().cast_db_type(connection)}), {method}, {name}"


def _read(row: tuple[Any, ...], models: Mapping[str, type[Device]]) -> OwnedDevice:
    label, pk, method, name = row
    model = models[label]
    if not method:
        method = model.factor if issubclass(model, FactorDevice) else _stock_method(label)
    return OwnedDevice(model, pk, method, name)


def _first(instance: Any, *names: str) -> datetime | None:
    moments = (getattr(instance, name, None) for name in names)
    return next((moment for moment in moments if moment is not None), None)


def _stock_method(label: str) -> str:
    methods: Mapping[str, str] = STOCK_METHODS
    return methods.get(label, label)
