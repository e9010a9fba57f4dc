"""No page of the admin shows a secret. The pages are found by the addresses that the site has."""

from __future__ import annotations

from base64 import b16encode, b32encode, b64encode, urlsafe_b64encode
from itertools import product

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse

from jwt_sessions import sessions
from jwt_sessions.models import (
    BulkRevocation,
    BulkRevocationReason,
    EncryptedTOTP,
    MessageDevice,
    PendingLogin,
    RecoveryCode,
    RevokedReason,
    Session,
)
from jwt_sessions.models.recovery_codes import normalize
from tests.authenticators import ask_for_code, enroll
from tests.factors import give_address
from tests.people import Device
from tests.test_admin_factors import staff

pytestmark = pytest.mark.proves("A4", "M3")

# What names a person in an address; any other name is of the page's own model.
OF_A_PERSON = {"user_id", "user", "person_id", "person"}
OWN_AFFAIR = {"password hash"}
HARMLESS = {"jsi18n", "autocomplete", "view_on_site", "logout", None}
# Filled in, so that forms come as far as to what they do.
POSTED = [{}, {"reason": "other", "note": "For the test.", "confirm": "yes", "post": "yes"}]


@pytest.fixture
def root(db):
    """A superuser, who may see every page."""
    return staff("root", is_superuser=True)


@pytest.fixture
def laptop(alice, clock, root):
    """Alice's laptop. She has one of everything, and ended another session."""
    device, other = Device(), Device()
    device.sign_in(alice, device_name="Her laptop")
    other.sign_in(alice)
    device.app = enroll(device, name="Her phone")
    clock.shift(30)
    device.code = give_address(alice)
    MessageDevice.objects.update(address="hidden-alice@home.example")
    device.mfa_token = ask_for_code(Device(), alice)
    sessions.revoke(other.session.pk, reason=RevokedReason.REVOKED_BY_STAFF, by=root.user)
    BulkRevocation.objects.create(by=root.user, reason=BulkRevocationReason.OTHER, total=2, done=1)
    return device


@pytest.fixture
def secrets(alice, laptop):
    """All of Alice's that no page may show, by what it is."""
    found = {"her whole address": "hidden-alice", "password hash": alice.password}
    found["auth_hash of a login"] = PendingLogin.objects.get().auth_hash
    for session in Session.objects.all():
        found[f"auth_hash of {session.pk}"] = session.auth_hash
    return {**found, **tokens_of(laptop), **secrets_of_app(), **recovery_codes_of(laptop)}


def tokens_of(device):
    tokens = {
        "access": device.access,
        "refresh": device.refresh_token,
        "mfa_token": device.mfa_token,
    }
    signatures = {f"signature of {name}": token.split(".")[2] for name, token in tokens.items()}
    return {**tokens, **signatures}


def secrets_of_app():
    totp, address = EncryptedTOTP.objects.get(), MessageDevice.objects.get()
    written = {
        encode.__name__: encode(totp.secret).decode().rstrip("=")
        for encode in (b16encode, b32encode, b64encode, urlsafe_b64encode)
    }
    return {
        **written,
        "hex": totp.secret.hex(),
        "encrypted secret": totp.encrypted_secret,
        "key id": totp.key_id,
        "hashed code": address.hashed_code,
    }


def recovery_codes_of(device):
    found = {}
    for number, code in enumerate(device.app.recovery_codes):
        found[f"recovery code {number}"] = code
        found[f"recovery code {number} without hyphens"] = normalize(code)
    for stored in RecoveryCode.objects.all():
        found[f"hash of {stored.slot}"] = stored.hashed
        found[f"digest of {stored.slot}"] = stored.hashed.rpartition("$")[2].rstrip("=")
    return found


def patterns(found=None):
    """All patterns of the site that are pages of ours, of users, or of no model."""
    for pattern in admin.site.get_urls() if found is None else found:
        if hasattr(pattern, "url_patterns"):
            yield from patterns(pattern.url_patterns)
        elif pattern.name not in HARMLESS and not str(pattern.name).startswith("otp_"):
            yield pattern


def model_of(name):
    """The model that a name like ``jwt_sessions_session_revoke`` begins with."""
    models = sorted(admin.site._registry, key=lambda model: -len(model._meta.label_lower))
    labels = {model._meta.label_lower.replace(".", "_"): model for model in models}
    return next((model for label, model in labels.items() if name.startswith(f"{label}_")), None)


def values_for(place, model):
    """What to put into a place of an address."""
    if place == "app_label":
        return ["jwt_sessions", "auth"]
    is_person = place in OF_A_PERSON or model is None
    rows = get_user_model() if is_person else model
    return [str(pk) for pk in rows._default_manager.values_list("pk", flat=True)]


def addresses_of(pattern):
    model, places = model_of(pattern.name), [*places_of(pattern)]
    choices = product(*(values_for(place, model) for place in places))
    return [
        reverse(f"admin:{pattern.name}", kwargs=dict(zip(places, chosen, strict=True)))
        for chosen in choices
    ]


def places_of(pattern):
    return pattern.pattern.converters or pattern.pattern.regex.groupindex


def look(answer):
    """All that an answer says, its headers too."""
    body = b"".join(answer) if answer.streaming else answer.content
    return body.decode() + str(answer.headers)


def leaks(answer, secrets):
    text, match = look(answer), answer.wsgi_request.resolver_match
    # What a project's page of its users shows of them is its own affair.
    own = set() if match.url_name and match.url_name.startswith("jwt_sessions_") else OWN_AFFAIR
    return [name for name, secret in secrets.items() if secret in text and name not in own]


def test_the_secrets_are_told_from_what_is_none(secrets):
    assert len(secrets) > 50
    assert not [name for name, secret in secrets.items() if len(secret) < 8]


def test_each_model_of_the_admin_is_among_the_pages():
    names = {pattern.name for pattern in patterns()}
    for model in apps.get_app_config("jwt_sessions").get_models():
        if admin.site.is_registered(model):
            label = model._meta.label_lower.replace(".", "_")
            assert {f"{label}_changelist", f"{label}_change", f"{label}_history"} <= names


def test_no_page_shows_a_secret(root, secrets, alice):
    for pattern in patterns():
        statuses = set()
        for address in addresses_of(pattern):
            answer = root.get(address)
            statuses.add(answer.status_code)
            assert answer.status_code < 500, address
            assert not leaks(answer, secrets), address
        is_found = statuses - {404} or not pattern.name.startswith("jwt_sessions_")
        assert is_found, f"say in OF_A_PERSON or values_for what {pattern} takes"
    for word in (alice.get_username(), "Her", "127.0.0.1"):
        for model in admin.site._registry:
            if model._meta.app_label in {"jwt_sessions", alice._meta.app_label}:
                name = model._meta.label_lower.replace(".", "_")
                answer = root.get(reverse(f"admin:{name}_changelist"), {"q": word})
                assert not leaks(answer, secrets), (name, word)


@pytest.mark.parametrize("posted", POSTED)
def test_no_answer_to_a_form_shows_a_secret(root, secrets, posted):
    ours = [p for p in patterns() if p.name.startswith("jwt_sessions_")]
    addresses = [address for pattern in ours for address in addresses_of(pattern)]
    assert addresses
    for address in addresses:
        answer = root.post(address, posted)
        assert answer.status_code < 500, address
        assert not leaks(answer, secrets), address
        if answer.status_code == 302:
            assert not leaks(root.get(answer["location"]), secrets), address
