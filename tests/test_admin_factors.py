"""Second factors in the admin: who has which, and what happened to them."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_hotp.models import HOTPDevice

from jwt_sessions import mfa, sessions
from jwt_sessions.admin.factors.screens import MessageDeviceAdmin
from jwt_sessions.admin.lists.counting import BoundedPaginator
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    MessageDevice,
    RecoveryCode,
    RecoveryCodes,
)
from tests.factors import give_address, give_recovery_codes, give_stock_totp, give_totp
from tests.operators import staff
from tests.people import make_user

proves = pytest.mark.proves

LISTS = {
    "encryptedtotp": "view_encryptedtotp",
    "messagedevice": "view_messagedevice",
    "recoverycodes": "view_recoverycodes",
}
HOSTILE_KEYS = ["nonsense", "%00", "9" * 5000, "9" * 30, "-1", "a" * 300, "%ED%A0%80", "_2F", "0"]


def page(name, *args):
    return reverse(f"admin:jwt_sessions_{name}", args=args)


def person(user):
    return page("person_factors", quote(user.pk))


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def watcher(db):
    """Staff who may look at all second factors, and change nothing."""
    return staff("watcher", *LISTS.values())


@pytest.fixture
def factors(alice):
    """All that Alice can have: an app, an address, recovery codes."""
    give_totp(alice)
    give_address(alice)
    give_recovery_codes(alice)
    return {
        "encryptedtotp": EncryptedTOTP.objects.get(),
        "messagedevice": MessageDevice.objects.get(),
        "recoverycodes": RecoveryCodes.objects.get(),
    }


# Lists and details


@pytest.mark.parametrize("name", LISTS)
def test_staff_see_who_has_a_device_since_when_and_its_last_use(watcher, alice, factors, name):
    moment = timezone.now() - timedelta(days=400)
    used = moment + timedelta(days=31)
    device = factors[name]
    type(device).objects.update(confirmed_at=moment, last_used_at=used)
    RecoveryCode.objects.filter(slot__lt=2).update(used_at=used)
    listing = text_of(watcher.get(page(f"{name}_changelist")))
    detail = text_of(watcher.get(page(f"{name}_change", device.pk)))
    for text in (listing, detail):
        assert str(alice) in text
        assert "Oct. 19, 2025" in text
        assert "Nov. 19, 2025" in text
        assert person(alice) in text


def test_recovery_codes_are_counted_as_they_are_left(watcher, alice, bob, factors):
    give_recovery_codes(bob)
    RecoveryCode.objects.filter(device__user=alice, slot__lt=3).update(used_at=timezone.now())
    RecoveryCode.objects.filter(device__user=bob).update(used_at=timezone.now())
    text = text_of(watcher.get(page("recoverycodes_changelist")))
    assert '<td class="field-codes_left">7</td>' in text
    assert '<td class="field-codes_left">0</td>' in text


def test_an_address_is_masked(watcher, alice, factors):
    pages = [
        page("messagedevice_changelist"),
        page("messagedevice_change", factors["messagedevice"].pk),
        person(alice),
    ]
    for address in pages:
        text = text_of(watcher.get(address))
        assert "a•••@example.com" in text
        assert "alice@example.com" not in text.replace(str(alice), "")


def test_what_was_never_confirmed_is_no_factor(watcher, alice):
    give_totp(alice, confirmed=False)
    unconfirmed = EncryptedTOTP.objects.get()
    assert "0 authenticator apps" in text_of(watcher.get(page("encryptedtotp_changelist")))
    assert watcher.get(page("encryptedtotp_change", unconfirmed.pk)).status_code == 302
    assert "has no second factor" in text_of(watcher.get(person(alice)))


def test_the_newest_comes_first(watcher, alice, bob):
    give_totp(bob)
    give_totp(alice)
    text = text_of(watcher.get(page("encryptedtotp_changelist")))
    assert text.index(person(alice)) < text.index(person(bob))


@pytest.mark.parametrize("name", LISTS)
def test_search_finds_one_person_by_the_whole_name_only(watcher, alice, factors, name):
    device = page(f"{name}_change", factors[name].pk)
    address, user_name = page(f"{name}_changelist"), alice.get_username()
    assert device in text_of(watcher.get(address, {"q": user_name}))
    for other in (user_name[:3], f"{user_name} bob", "%", "9" * 5000, "é"):
        assert device not in text_of(watcher.get(address, {"q": other}))
    assert "Null characters" in text_of(watcher.get(address, {"q": "\0"}))


def test_a_name_with_a_space_is_one_name(watcher):
    people = type(make_user("zoe"))
    name = {people.USERNAME_FIELD: "zoe of the hill"}
    people.objects.exclude(pk=watcher.user.pk).update(**name)
    spaced = people.objects.get(**name)  # the name may be the key
    give_totp(spaced)
    found = watcher.get(page("encryptedtotp_changelist"), {"q": " zoe of the hill "})
    assert person(spaced) in text_of(found)


@pytest.mark.parametrize(
    ("name", "lookup"),
    [
        ("encryptedtotp", "encrypted_secret__startswith"),
        ("encryptedtotp", "key_id"),
        ("encryptedtotp", "user__password__startswith"),
        ("messagedevice", "hashed_code__startswith"),
        ("messagedevice", "address__startswith"),
        ("recoverycodes", "codes__hashed__startswith"),
    ],
)
def test_nobody_guesses_a_secret_by_what_it_begins_with(watcher, factors, name, lookup):
    assert watcher.get(page(f"{name}_changelist"), {lookup: "a"}).status_code == 400


@pytest.mark.parametrize("query", ["p=abc", "p=999999999", "o=1.2.3", "o=x", "all=", "p=0&all="])
def test_nonsense_in_the_address_of_a_list_is_harmless(watcher, factors, query):
    for name in LISTS:
        assert watcher.get(page(f"{name}_changelist") + f"?{query}").status_code in {200, 302}


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_a_person_who_is_not_there_is_not_found(watcher, key):
    address = page("person_factors", "KEY").replace("KEY", key)
    assert watcher.get(address).status_code == 404


def test_a_list_counts_to_a_bound_and_says_so(watcher, alice, monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "bound", 2)
    for _ in range(2):
        give_totp(alice)
    assert "There are more" not in text_of(watcher.get(page("encryptedtotp_changelist")))
    give_totp(alice)
    text = text_of(watcher.get(page("encryptedtotp_changelist")))
    assert "There are more than 2" in text


def test_the_count_stops_in_the_database(alice, django_assert_num_queries):
    give_totp(alice)
    with django_assert_num_queries(1) as captured:
        assert BoundedPaginator(EncryptedTOTP.objects.order_by("-pk"), 50).count == 1
    (query,) = captured
    assert "LIMIT 10001" in query["sql"]
    assert "ORDER BY" not in query["sql"]


@proves("P12")
@pytest.mark.parametrize("name", LISTS)
def test_p12_a_list_costs_the_same_for_one_and_for_many(watcher, django_assert_num_queries, name):
    give = {
        "encryptedtotp": give_totp,
        "messagedevice": give_address,
        "recoverycodes": give_recovery_codes,
    }[name]
    for number in (1, 2, 3):
        for index in range(number**2):
            give(make_user(f"user{number}{index}"))
        with django_assert_num_queries(6):
            text_of(watcher.get(page(f"{name}_changelist")))


# A person's page


def test_a_page_tells_all_that_a_person_has(watcher, alice, factors):
    give_stock_totp(alice)
    HOTPDevice.objects.create(user=alice, name="<b>old</b> token")
    RecoveryCode.objects.filter(slot=0).update(used_at=timezone.now())
    text = text_of(watcher.get(person(alice)))
    assert text.count("<h3>Authenticator app</h3>") == 2
    assert "<h3>E-mail</h3>" in text
    assert "<h3>Recovery code</h3>" in text
    assert "<dd>9</dd>" in text
    assert "&lt;b&gt;old&lt;/b&gt; token" in text
    assert "need not" in text


def test_a_page_tells_whether_a_second_factor_is_required(watcher, alice, set_jwt):
    set_jwt(MFA_REQUIRED=lambda user: user.pk == alice.pk)
    assert "must have a second factor" in text_of(watcher.get(person(alice)))
    assert "need not" in text_of(watcher.get(person(watcher.user)))


def test_a_page_is_found_by_a_key_as_it_is_written_too(watcher, alice):
    assert watcher.get(page("person_factors", alice.pk)).status_code == 200


def test_a_page_tells_until_when_a_factor_is_locked(watcher, alice, factors, clock):
    until = timezone.now() + timedelta(minutes=15)
    FactorAllowance.objects.create(user=alice, factor="totp", failures=10, locked_until=until)
    assert text_of(watcher.get(person(alice))).count("Locked until") == 1
    clock.shift(timedelta(minutes=16))
    assert "Locked until" not in text_of(watcher.get(person(alice)))


def test_a_page_tells_what_happened_lately_and_to_nobody_else(watcher, alice, bob):
    mfa.changing.reset(alice, by=bob, reason="Lost <it> in the lake")
    mfa.changing.reset(bob, reason="Something else")
    text = text_of(watcher.get(person(alice)))
    assert f"By {bob}." in text
    assert "Lost &lt;it&gt; in the lake" in text
    assert "Something else" not in text


def test_a_page_has_the_last_ten_events(watcher, alice):
    for number in range(12):
        mfa.changing.reset(alice, reason=f"number {number}.")
    text = text_of(watcher.get(person(alice)))
    assert text.count("Second factor reset") == 10
    assert "number 1." not in text
    assert text.index("number 11.") < text.index("number 2.")


@proves("P12")
def test_p12_a_persons_page_costs_the_same_however_much_they_have(
    watcher, alice, bob, django_assert_num_queries
):
    for number in (1, 5):
        for _ in range(number):
            give_totp(alice)
            mfa.changing.reset(bob, by=alice)
            mfa.changing.reset(alice, by=bob)
            sessions.start(alice)
        give_totp(alice)
        with django_assert_num_queries(11):
            text_of(watcher.get(person(alice)))


def test_pages_have_no_inline_script_or_style(watcher, alice, factors):
    for address in (person(alice), page("encryptedtotp_change", factors["encryptedtotp"].pk)):
        text = text_of(watcher.get(address))
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick=" not in text


# Permissions


def permitted(watches):
    return {name: 200 if name in watches else 403 for name in [*LISTS, "person"]}


ROLES = {
    "outsider": ([], permitted([])),
    "totp": (["view_encryptedtotp"], permitted(["encryptedtotp", "person"])),
    "messages": (["view_messagedevice"], permitted(["messagedevice"])),
    "codes": (["view_recoverycodes"], permitted(["recoverycodes"])),
    "resetter": (["reset_second_factor"], permitted([])),
    "sessions": (["view_session", "revoke_session"], permitted([])),
}
CELLS = [(role, name) for role, (_, expected) in ROLES.items() for name in expected]


@proves("A1")
@pytest.mark.parametrize(("role", "name"), CELLS)
def test_a1_each_page_asks_for_its_own_permission(alice, factors, role, name, caplog):
    permissions, expected = ROLES[role]
    client = staff(role, *permissions)
    pages = (
        [person(alice)]
        if name == "person"
        else [
            page(f"{name}_changelist"),
            page(f"{name}_change", factors[name].pk),
            page(f"{name}_history", factors[name].pk),
        ]
    )
    with caplog.at_level(logging.WARNING, "jwt_sessions.admin.permissions"):
        for address in pages:
            assert client.get(address).status_code == expected[name], address
    refused = [entry for entry in caplog.messages if "was refused GET" in entry]
    assert len(refused) == (len(pages) if expected[name] == 403 else 0)


@proves("A1")
@pytest.mark.parametrize("name", LISTS)
def test_a1_nobody_adds_changes_or_deletes_a_device(factors, name):
    root = staff("root", is_superuser=True)
    device = factors[name]
    assert root.get(page(f"{name}_add")).status_code == 403
    assert root.post(page(f"{name}_add"), {"name": "x"}).status_code == 403
    assert root.post(page(f"{name}_change", device.pk), {"name": "x"}).status_code == 403
    assert root.post(page(f"{name}_delete", device.pk), {"post": "yes"}).status_code == 403
    device.refresh_from_db()
    assert device.name == ""


def test_a_persons_page_takes_no_post(watcher, alice):
    assert watcher.post(person(alice)).status_code == 405


def test_who_may_not_look_cannot_tell_who_exists(alice):
    outsider = staff("outsider", "view_messagedevice")
    unknown = page("person_factors", "0")
    assert outsider.get(person(alice)).status_code == outsider.get(unknown).status_code == 403


def test_who_may_not_see_a_persons_page_is_not_sent_there(alice, factors):
    client = staff("codes", "view_recoverycodes")
    assert person(alice) not in text_of(client.get(page("recoverycodes_changelist")))
    detail = page("recoverycodes_change", factors["recoverycodes"].pk)
    assert person(alice) not in text_of(client.get(detail))


@pytest.mark.parametrize("name", ["person", "list"])
def test_who_is_no_staff_is_sent_to_the_login(client, alice, name):
    client.force_login(alice)
    address = person(alice) if name == "person" else page("encryptedtotp_changelist")
    assert client.get(address).status_code == 302


def test_a_site_without_the_page_has_no_link_to_it(alice, factors):
    bare = AdminSite(name="bare")
    shown = MessageDeviceAdmin(MessageDevice, bare).person(factors["messagedevice"])
    assert shown == str(alice)
