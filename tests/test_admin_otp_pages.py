"""The admin's pages of django-otp's own devices: no secret there, or a warning."""

from __future__ import annotations

from base64 import b32encode

import pytest
from django.apps import apps
from django.contrib.admin.sites import all_sites
from django.urls import reverse
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from jwt_sessions.checks import stock_admin
from tests.checking import problems
from tests.people import make_user

pytestmark = pytest.mark.proves("P11")

W015 = "jwt_sessions.W015"
CODE = "abcdefgh"


@pytest.fixture
def root(client, db):
    """A superuser at the admin, which has a page for each model of django-otp's."""
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def make_totp(user):
    device = TOTPDevice.objects.create(user=user, name="Old phone")
    return device, [device.key, b32encode(device.bin_key).decode().rstrip("=")]


def make_hotp(user):
    device = HOTPDevice.objects.create(user=user, name="Old token")
    return device, [device.key, b32encode(device.bin_key).decode().rstrip("=")]


def make_static(user):
    device = StaticDevice.objects.create(user=user, name="Old codes")
    device.token_set.create(token=CODE)
    return device, [CODE]


def make_email(user):
    device = EmailDevice.objects.create(user=user, name="Old mail", email="a@b.example")
    device.generate_token()
    return device, [device.token]


KINDS = [make_totp, make_hotp, make_static, make_email]


def pages_of(client, device):
    """The text of all pages of a device, and of its list."""
    meta = type(device)._meta
    name = f"admin:{meta.app_label}_{meta.model_name}"
    addresses = [reverse(f"{name}_changelist")]
    views = ["change", "history", "delete"]
    if isinstance(device, TOTPDevice | HOTPDevice):
        views += ["config", "qrcode"]
    addresses += [reverse(f"{name}_{view}", args=[device.pk]) for view in views]
    return "".join(client.get(address).content.decode() for address in addresses)


@pytest.mark.parametrize("make", KINDS)
def test_with_the_setting_no_page_of_a_stock_device_shows_a_secret(root, alice, make):
    device, found = make(alice)
    text = pages_of(root, device)
    assert device.name in text
    assert not [secret for secret in found if secret in text]


@pytest.mark.parametrize("make", [make_totp, make_hotp, make_static])
def test_without_the_setting_they_do(root, alice, make, settings):
    settings.OTP_ADMIN_HIDE_SENSITIVE_DATA = False
    device, found = make(alice)
    text = pages_of(root, device)
    assert [secret for secret in found if secret in text]


@pytest.mark.parametrize("value", [None, False, "yes"])
def test_p11_without_the_setting_there_is_a_warning(settings, value):
    settings.OTP_ADMIN_HIDE_SENSITIVE_DATA = value
    assert "OTP_ADMIN_HIDE_SENSITIVE_DATA = True" in problems()[W015].hint


def test_p11_without_the_setting_each_model_is_named(settings):
    del settings.OTP_ADMIN_HIDE_SENSITIVE_DATA
    said = " ".join(warning.msg for warning in stock_admin.stock_devices_hide_their_secrets())
    assert all(label in said for label in stock_admin.HIDEABLE)


def test_with_the_setting_there_is_no_warning():
    assert W015 not in problems()


def test_what_no_site_has_a_page_of_needs_no_setting(settings, monkeypatch):
    settings.OTP_ADMIN_HIDE_SENSITIVE_DATA = False
    # Other tests have sites of their own, which live as long as somebody knows them.
    for site in all_sites:
        kept = {
            model: page
            for model, page in site._registry.items()
            if model._meta.label not in stock_admin.HIDEABLE
        }
        monkeypatch.setattr(site, "_registry", kept)
    assert W015 not in problems()


def test_without_the_admin_there_is_nothing_to_hide(settings, monkeypatch):
    settings.OTP_ADMIN_HIDE_SENSITIVE_DATA = False
    is_installed = apps.is_installed
    monkeypatch.setattr(
        apps, "is_installed", lambda name: name != "django.contrib.admin" and is_installed(name)
    )
    assert not list(stock_admin.stock_devices_hide_their_secrets())


def test_p11_a_page_that_cannot_hide_its_key_is_named_in_any_case(monkeypatch):
    # Any model will do that the admin has a page of: these tests have no django-two-factor-auth.
    monkeypatch.setattr(stock_admin, "UNHIDEABLE", {"otp_email.EmailDevice": "keys"})
    (warning,) = stock_admin.stock_devices_hide_their_secrets()
    assert warning.msg.startswith("The admin shows the keys of otp_email.EmailDevice")
    assert "Unregister" in warning.hint
