"""Whose names the lists tell: of who stands in them, and to who may see all people."""

from __future__ import annotations

from django.urls import reverse

from tests.operators import sign_in, staff, text_of


def open_list(client, person):
    return text_of(
        client.get(reverse("admin:jwt_sessions_session_changelist"), {"user": person.pk})
    )


def test_numbers_in_the_address_do_not_tell_the_names_of_people_without_a_session(alice, bob):
    sign_in(alice)
    watcher = staff("watcher", "view_session")
    # As a name, and not as a part of the address, where a key may be one too.
    hers, his = (f">{person.get_username()}</a>" for person in (alice, bob))
    assert hers in open_list(watcher, alice)
    assert his not in open_list(watcher, bob)
    assert his in open_list(staff("root", is_superuser=True), bob)
