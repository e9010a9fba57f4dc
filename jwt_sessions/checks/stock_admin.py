"""The admin's pages of others' devices, which may show what must stay secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.apps import apps
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name

from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What they show, unless django-otp is told to hide it.
HIDEABLE: Final = {
    "otp_totp.TOTPDevice": "keys and QR codes",
    "otp_hotp.HOTPDevice": "keys and QR codes",
    "otp_static.StaticDevice": "recovery codes",
}
# The setting is unknown to these.
UNHIDEABLE: Final = {"phonenumber.PhoneDevice": "keys"}


def stock_devices_hide_their_secrets() -> Iterator[CheckMessage]:
    if not conf.hides_otp_secrets:
        for label in _registered(HIDEABLE):
            yield Warning(
                f"The admin shows the {HIDEABLE[label]} of {label} to whoever may view it.",
                hint="Set OTP_ADMIN_HIDE_SENSITIVE_DATA = True; it hides them on the page of a "
                "device. Give nobody the permission to view or change these devices who must not "
                "learn a key: the list can still be filtered by what a key begins with. Where you "
                "need no such page, unregister the model.",
                id="jwt_sessions.W015",
            )
    for label in _registered(UNHIDEABLE):
        yield Warning(
            f"The admin shows the {UNHIDEABLE[label]} of {label} to whoever may view it.",
            hint="OTP_ADMIN_HIDE_SENSITIVE_DATA does not hide them. Unregister the model, or "
            "register it with a ModelAdmin that excludes the key.",
            id="jwt_sessions.W015",
        )


def _registered(labels: Iterable[str]) -> Iterator[str]:
    """Yield those of which an admin site has pages."""
    if not apps.is_installed("django.contrib.admin"):
        return
    # It has a model, so it may not be imported where it is not installed.
    from django.contrib.admin.sites import all_sites  # noqa: PLC0415

    installed = {model._meta.label: model for model in apps.get_models()}
    for label in labels:
        model = installed.get(label)
        if model is not None and any(site.is_registered(model) for site in all_sites):
            yield label
