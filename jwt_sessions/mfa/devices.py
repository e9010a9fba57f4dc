"""Which devices a person has: ours, and every other model that django-otp knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import router
from django.db.models import CharField, DateTimeField, F, Value
from django.db.models.functions import Cast
from django_otp import device_classes

from jwt_sessions.conf import TOTP
from jwt_sessions.models import EncryptedTOTP, FactorDevice, MessageDevice, RecoveryCodes
from jwt_sessions.models.recovery_codes import RECOVERY_CODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from django.db.models import QuerySet
    from django_otp.models import Device

OURS: Final[tuple[type[FactorDevice], ...]] = (EncryptedTOTP, RecoveryCodes, MessageDevice)
# django-otp's own devices that do what ours do. The method of any other is its label.
COLUMNS: Final = (
    "device_label",
    "device_pk",
    "device_method",
    "name",
    "device_confirmed_at",
    "device_last_used_at",
)
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
    confirmed_at: datetime | None
    last_used_at: datetime | None

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
    return [_read(row) for rows in _unions(user) for row in rows]


def has_second_factor(user: Any) -> bool:
    """Return whether a password alone does not let this person in. One query."""
    return any(device.is_factor for device in list_devices(user))


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


def device_models() -> dict[str, type[Device]]:
    """Return all models of devices by label, ours first."""
    models = {model.model_label(): model for model in OURS}
    return {**models, **{model.model_label(): model for model in device_classes()}}


def _rows(model: type[Device]) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._base_manager.using(router.db_for_write(model)).all()
    return rows


def _unions(user: Any) -> Iterator[Iterable[tuple[Any, ...]]]:
    """Yield one query for each database that devices live on, which is one."""
    by_alias: dict[str, list[QuerySet[Any, Any]]] = {}
    for label, model in device_models().items():
        alias = router.db_for_write(model)
        by_alias.setdefault(alias, []).append(_columns(label, model, user).using(alias))
    for first, *others in by_alias.values():
        yield first.union(*others, all=True)


def _columns(label: str, model: type[Device], user: Any) -> QuerySet[Any, Any]:
    names = {field.name for field in model._meta.concrete_fields}
    method = F("channel") if model is MessageDevice else _text("")
    devices: QuerySet[Any] = model.objects.devices_for_user(user, confirmed=True)
    rows: QuerySet[Any, Any] = devices.order_by().annotate(
        device_label=_text(label),
        device_pk=Cast("pk", CharField()),
        device_method=method,
        device_confirmed_at=_moment(names, "confirmed_at", "created_at"),
        device_last_used_at=_moment(names, "last_used_at"),
    )
    return rows.values_list(*COLUMNS)


def _text(value: str) -> Value:
    return Value(value, output_field=CharField())


def _moment(names: Iterable[str], *wanted: str) -> F | Value:
    known = [name for name in wanted if name in names]
    return F(known[0]) if known else Value(None, output_field=DateTimeField())


def _read(row: tuple[Any, ...]) -> OwnedDevice:
    label, pk, method, *rest = row
    model = device_models()[label]
    if not method:
        method = model.factor if issubclass(model, FactorDevice) else _stock_method(label)
    return OwnedDevice(model, pk, method, *rest)


def _stock_method(label: str) -> str:
    methods: Mapping[str, str] = STOCK_METHODS
    return methods.get(label, label)
