"""Many sessions revoked in the admin: which, whom that concerns, and what stays on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core import signing
from django.urls import reverse
from django.utils import timezone

from jwt_sessions.exceptions import TooSlow
from jwt_sessions.models import BulkRevocation, Session
from jwt_sessions.sessions.time_limit import Deadline
from tests.operators import (
    ALL_OF_IT,
    confirm,
    hidden_fields,
    page,
    preview,
    put_on_record,
    sign_in,
    staff,
    text_of,
)
from tests.people import make_user

proves = pytest.mark.proves
# Whatever a browser, or somebody who is none, may send.
NONSENSE = [
    "\0",
    "9" * 5000,
    "-1",
    "zzz",
    "99999999999999999999",
    "１",
    "2026-13-45",
    "<script>",
    "%s",
]


@pytest.fixture
def root(db):
    """A superuser, whom the sessions of nobody are kept from."""
    return staff("root", is_superuser=True)


@pytest.fixture
def chief(db):
    """Staff who may revoke in bulk, and is no superuser."""
    return staff("chief", *ALL_OF_IT)


def name(user):
    return user.get_username()


def test_a_preview_counts_sessions_and_people_and_revokes_nothing(chief, alice, bob):
    sign_in(alice, 2)
    sign_in(bob)
    shown = text_of(preview(chief, everyone="on"))
    assert "3 sessions of 2 people" in shown
    assert "All sessions" in shown
    assert name(alice) in shown
    assert not Session.objects.revoked().exists()


def test_people_are_named_by_user_name_or_address(chief, alice, bob):
    sign_in(alice)
    sign_in(bob)
    names = f"{name(alice)},\n {alice.email.upper()}"
    assert "1 session of 1 person" in text_of(preview(chief, names=names, ignore_unknown="on"))


def test_several_names_stand_on_lines_or_between_commas(chief, alice, bob):
    sign_in(alice)
    sign_in(bob)
    names = f"{name(alice)}, {bob.email}\n\n,"
    assert "2 sessions of 2 people" in text_of(preview(chief, names=names))


def test_an_unknown_name_is_told_and_can_be_left_out(chief, alice):
    sign_in(alice)
    asked = text_of(preview(chief, names=f"{name(alice)}, <b>nobody"))
    assert "1 name is unknown: &lt;b&gt;nobody." in asked
    assert "<title>Error:" in asked
    assert 'name="ignore_unknown"' in asked
    shown = preview(chief, names=f"{name(alice)}, <b>nobody", ignore_unknown="on")
    assert "1 session of 1 person" in text_of(shown)


def test_unknown_names_alone_mean_nobody_never_everybody(chief, alice):
    sign_in(alice)
    shown = text_of(preview(chief, names="nobody", ignore_unknown="on"))
    assert "There is nothing to revoke." in shown
    assert 'name="start"' not in shown


def test_more_names_than_can_be_looked_up_at_once_are_refused(chief):
    names = "\n".join(str(number) for number in range(10_001))
    assert "more than 10,000 names" in text_of(preview(chief, names=names))


def test_names_by_the_thousand_are_looked_up_in_few_queries(
    chief, alice, django_assert_max_num_queries
):
    sign_in(alice)
    names = "\n".join([name(alice), *(f"unknown{number}" for number in range(3_000))])
    with django_assert_max_num_queries(70):
        shown = preview(chief, names=names, ignore_unknown="on")
    assert "1 session of 1 person" in text_of(shown)


def test_nothing_given_is_an_error_not_everything(chief, alice):
    sign_in(alice)
    for criteria in ({}, {"except_own": "on"}, {"names": " , "}, {"device": " "}):
        shown = text_of(preview(chief, **criteria))
        assert "Say which sessions." in shown
        assert "<title>Error:" in shown


def test_what_was_typed_is_still_there_after_an_error(chief):
    typed = {"names": "somebody", "network": "nonsense", "device": "Pixel", "created_after_0": "x"}
    shown = text_of(preview(chief, **typed))
    assert "neither an IP address nor a network" in shown
    for text in typed.values():
        assert text in shown


@pytest.mark.parametrize(
    ("criteria", "number"),
    [
        ({"network": "10.0.0.0/8"}, 1),
        ({"network": "127.0.0.1"}, 0),
        ({"kind": "browser"}, 0),
        ({"kind": "api"}, 2),
        ({"without_second_factor": "on"}, 2),
        ({"created_after_0": "2026-11-23"}, 1),
        ({"created_before_0": "2026-11-23", "created_before_1": "12:00"}, 1),
        ({"active_since_0": "2026-11-23", "active_since_1": "11:00:00"}, 1),
        ({"inactive_since_0": "2026-11-23"}, 1),
        ({"staff": "on"}, 0),
        ({"everyone": "on", "network": "10.0.0.0/8"}, 1),
    ],
)
def test_all_conditions_of_the_form_count(chief, alice, bob, clock, criteria, number):
    clock.shift(-timedelta(days=2))
    old = sign_in(alice)
    clock.shift(timedelta(days=2))
    sign_in(bob)
    Session.objects.filter(pk=old.pk).update(address_key=f"{0xFFFF0A000007:032x}")
    shown = text_of(preview(chief, **criteria))
    said = {0: "There is nothing to revoke.", 1: "1 session of", 2: "2 sessions of"}
    assert said[number] in shown


def test_members_of_groups_are_meant(chief, alice, bob):
    group = Group.objects.create(name="field team")
    alice.groups.add(group)
    sign_in(alice)
    sign_in(bob)
    shown = text_of(preview(chief, groups=[group.pk]))
    assert "Of members of: field team" in shown
    assert "1 session of 1 person" in shown


def test_people_are_picked_only_where_the_operator_may_look_them_up(chief, root):
    shows = 'name="users"'
    has_search = bool(type(root.user)._meta.app_label == "auth")
    assert shows not in text_of(chief.get(page("new")))
    assert (shows in text_of(root.get(page("new")))) is has_search


def test_a_link_fills_the_form_in(root, alice):
    query = {
        "users": alice.pk,
        "network": "10.0.0.0/8",
        "active_since": "2026-11-20T08:30",
        "staff": "1",
    }
    shown = text_of(root.get(page("new"), query))
    assert "10.0.0.0/8" in shown
    assert 'value="2026-11-20"' in shown
    assert 'value="08:30:00"' in shown
    assert "<title>Error:" not in shown


def test_a_link_to_somebody_names_them_where_nobody_can_be_picked(chief, alice):
    assert f">\n{name(alice)}</textarea>" in text_of(chief.get(page("new"), {"users": alice.pk}))


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_an_answer_never_a_failure(root, text):
    fields = [
        *("users", "names", "groups", "network", "device", "kind", "staff", "everyone"),
        *("created_after_0", "created_after_1", "session_ids", "seal", "reason", "note"),
    ]
    Group.objects.create(name="some group")
    assert root.get(page("new"), dict.fromkeys([*fields, "active_since"], text)).status_code == 200
    for field in fields:
        for address in ("preview", "confirm"):
            assert root.post(page(address), {field: text}).status_code == 200
    assert not BulkRevocation.objects.exists()


@pytest.mark.parametrize("year", ["0001", "1969", "9999"])
def test_a_year_that_no_session_is_of_is_refused(chief, settings, year):
    settings.TIME_ZONE = "Europe/Berlin"
    shown = preview(chief, created_after_0=f"{year}-01-01", created_after_1="00:00")
    assert "Enter a year from 1970 on." in text_of(shown)


@proves("V3")
def test_v3_what_is_confirmed_is_on_record_with_who_when_and_why(root, alice):
    sign_in(alice)
    shown = preview(root, names=name(alice))
    response = confirm(root, shown, reason="device_lost", note="Ticket <7>")
    record = BulkRevocation.objects.get()
    assert response.url == page("run", record.pk)
    assert (record.by, record.reason, record.note) == (root.user, "device_lost", "Ticket <7>")
    assert record.criteria == {"users": [str(alice.pk)]}
    assert (record.total, record.done, record.finished_at) == (1, 0, None)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (root.user, str(record.pk))
    assert "1 session, devices lost or stolen" in entry.get_change_message()


def test_a_reason_is_asked_for_and_another_reason_is_told(chief, alice):
    sign_in(alice)
    shown = preview(chief, everyone="on")
    assert "This field is required." in text_of(confirm(chief, shown, reason=""))
    assert "Say what the reason is." in text_of(confirm(chief, shown, reason="other"))
    assert not BulkRevocation.objects.exists()


def test_more_than_half_of_all_sessions_needs_a_tick(chief, alice, bob):
    sign_in(alice, 2)
    sign_in(bob)
    shown = preview(chief, names=name(alice))
    assert "more than half of all live sessions" in text_of(shown)
    asked = confirm(chief, shown, is_sure="")
    assert "I know that this signs out 1 person." in text_of(asked)
    assert not BulkRevocation.objects.exists()


def test_a_small_part_needs_no_tick(chief, alice, bob):
    sign_in(alice)
    sign_in(bob, 2)
    shown = preview(chief, names=name(alice))
    assert "more than half" not in text_of(shown)
    assert confirm(chief, shown, is_sure="").status_code == 302


def test_nothing_is_confirmed_that_was_not_previewed(chief, alice, bob):
    sign_in(alice)
    sign_in(bob)
    why = {"reason": "breach", "is_sure": "on"}
    assert "Nothing was revoked yet." in text_of(
        chief.post(page("confirm"), {"everyone": "on", **why})
    )
    seal = hidden_fields(preview(chief, names=name(alice)))["seal"]
    forged = chief.post(page("confirm"), {"everyone": "on", "seal": seal, **why})
    assert "Nothing was revoked yet." in text_of(forged)
    assert not BulkRevocation.objects.exists()


def test_a_preview_of_somebody_else_or_of_hours_ago_confirms_nothing(chief, root, alice, clock):
    sign_in(alice)
    shown = preview(root, names=name(alice))
    assert "Nothing was revoked yet." in text_of(confirm(chief, shown))
    clock.shift(timedelta(hours=2))
    root.force_login(root.user)
    assert "Nothing was revoked yet." in text_of(confirm(root, shown))


def test_back_leads_to_the_form_as_it_was(chief, alice):
    sign_in(alice)
    shown = preview(chief, names=f"{name(alice)}\n{name(alice)}", created_after_0="2026-11-01")
    form = text_of(chief.post(page("confirm"), {**hidden_fields(shown), "back": "yes"}))
    assert name(alice) in form
    assert 'value="2026-11-01"' in form
    assert "<title>Error:" not in form


def test_an_operator_is_warned_of_their_own_sessions_and_of_superusers(root, chief, alice):
    sign_in(alice, 5)
    sign_in(root.user)
    shown = text_of(preview(root, everyone="on"))
    assert "Sessions of your own account are among them." in shown
    assert "Sessions of superusers are among them." in shown
    assert "5 sessions of 1 person" in text_of(preview(root, everyone="on", except_own="on"))


@proves("A1")
def test_a1_who_must_spare_superusers_does_so_without_being_asked(root, chief, alice):
    sign_in(root.user)
    sign_in(alice)
    assert "Sessions of superusers are left alone" in text_of(chief.get(page("new")))
    shown = preview(chief, everyone="on")
    assert "1 session of 1 person" in text_of(shown)
    assert "Except those of superusers" in text_of(shown)
    assert put_on_record(chief, everyone="on").criteria["except_superusers"] is True


def test_a_setting_lets_staff_end_sessions_of_superusers(root, chief, set_jwt):
    set_jwt(PROTECT_SUPERUSERS=False)
    sign_in(root.user)
    shown = text_of(preview(chief, everyone="on"))
    assert "1 session of 1 person" in shown
    assert "Sessions of superusers are among them." in shown


@pytest.fixture
def slow(monkeypatch):
    """Let no question be answered in time."""

    def ask(self, question):
        raise TooSlow

    monkeypatch.setattr(Deadline, "ask", ask)


def test_where_counting_takes_too_long_the_page_says_so(chief, alice, slow):
    sign_in(alice, 3)
    shown = preview(chief, everyone="on")
    assert "about 3 sessions of about 1 person" in text_of(shown)
    assert "these numbers are estimates" in text_of(shown)
    assert confirm(chief, shown).status_code == 302
    record = BulkRevocation.objects.get()
    assert record.total_is_estimate
    assert "0 of about 3 sessions revoked" in text_of(chief.get(page("run", record.pk)))


def test_an_estimate_of_nothing_is_not_none(chief, alice, slow):
    shown = text_of(preview(chief, names=name(alice)))
    assert "Few sessions, if any" in shown
    assert "Yes, revoke them" in shown


def test_ended_sessions_are_not_counted(chief, alice, clock):
    sign_in(alice)
    clock.shift(timedelta(days=400))
    chief.force_login(chief.user)
    assert "There is nothing to revoke." in text_of(preview(chief, everyone="on"))


def tick(client, sessions, **more):
    address = reverse("admin:jwt_sessions_session_changelist")
    ticked = [str(session.pk) for session in sessions]
    return client.post(address, {"action": "revoke_selected", ACTION_CHECKBOX_NAME: ticked, **more})


def test_ticked_rows_lead_to_the_same_preview(chief, alice, bob):
    sessions = [sign_in(alice), sign_in(bob)]
    sign_in(alice, 7)
    shown = tick(chief, sessions)
    assert "2 sessions that were ticked" in text_of(shown)
    assert "2 sessions of 2 people" in text_of(shown)
    assert confirm(chief, shown).status_code == 302
    ids = BulkRevocation.objects.get().criteria["session_ids"]
    assert sorted(ids) == sorted(str(session.pk) for session in sessions)


def test_ticked_rows_are_all_that_is_meant_also_where_a_whole_list_is_asked_for(chief, alice):
    ticked = sign_in(alice)
    sign_in(alice, 3)
    assert "1 session of 1 person" in text_of(tick(chief, [ticked], select_across="1"))


def test_criteria_can_be_added_to_ticked_rows(chief, alice, bob):
    shown = tick(chief, [sign_in(alice), sign_in(bob)])
    form = chief.post(page("confirm"), {**hidden_fields(shown), "back": "yes"})
    assert "Only among those that you ticked in the list: 2 sessions." in text_of(form)
    narrowed = preview(chief, **hidden_fields(form), names=name(alice))
    assert "1 session of 1 person" in text_of(narrowed)


def test_the_action_is_offered_to_who_may_revoke_in_bulk_only(chief, alice):
    session = sign_in(alice)
    watcher = staff("watcher", "view_session", "revoke_session")
    listing = reverse("admin:jwt_sessions_session_changelist")
    assert "revoke_selected" in text_of(chief.get(listing))
    assert "revoke_selected" not in text_of(watcher.get(listing))
    tick(watcher, [session])
    assert not BulkRevocation.objects.exists()


def make_record(**fields):
    return BulkRevocation.objects.create(reason="breach", **fields)


def test_a_record_tells_which_sessions_in_words(chief, alice):
    gone = make_user("gone")
    criteria = {"users": [str(alice.pk), str(gone.pk)], "network": "10.0.0.0/8", "staff": True}
    gone.delete()
    record = make_record(criteria=criteria, note="<script>1</script>", total=2_000, by=chief.user)
    shown = text_of(chief.get(page("change", record.pk)))
    assert f"Of these people: {name(alice)}, 1 who is gone" in shown
    assert "Signed in from 10.0.0.0/8" in shown
    assert "Of staff" in shown
    assert "2,000 sessions" in shown
    assert "<script>1" not in shown


def test_many_people_are_not_all_named(chief):
    people = [make_user(f"person{number:02}") for number in range(23)]
    record = make_record(criteria={"users": [str(user.pk) for user in people]})
    shown = text_of(chief.get(page("change", record.pk)))
    assert "3 more" in shown
    assert name(people[22]) not in shown


@pytest.mark.parametrize("criteria", [{"words": "<b>of a program"}, [], {"created_after": "x"}, 7])
def test_criteria_of_a_program_are_shown_as_they_are(chief, criteria):
    record = make_record(criteria=criteria)
    shown = text_of(chief.get(page("change", record.pk)))
    assert "sessions.resume_revocation(record, queryset)" in shown
    assert "<b>of a" not in shown


@proves("P12")
def test_p12_the_list_of_records_takes_as_many_queries_however_long_it_is(
    chief, django_assert_num_queries
):
    def count(number):
        for each in range(number):
            user = make_user(f"operator{BulkRevocation.objects.count()}{each}")
            make_record(by=user, criteria={"users": [str(user.pk)]})
        with django_assert_num_queries(6):
            assert chief.get(page("changelist")).status_code == 200

    count(1)
    count(10)


@proves("P12")
@pytest.mark.parametrize("name", ["change", "run"])
def test_p12_a_page_of_a_record_takes_as_many_queries_however_many_people_it_names(
    chief, name, django_assert_num_queries
):
    people = [make_user(f"person{number}") for number in range(12)]
    expected = {"change": 7, "run": 6}[name]
    # Kinds of content are asked for once in a process.
    chief.get(page(name, make_record(criteria={"except_superusers": True}).pk))
    for number in (1, 12):
        keys = [str(user.pk) for user in people[:number]]
        record = make_record(criteria={"users": keys, "except_superusers": True}, by=chief.user)
        with django_assert_num_queries(expected):
            assert chief.get(page(name, record.pk)).status_code == 200


@pytest.mark.parametrize(("state", "number"), [("finished", 1), ("unfinished", 2), ("x", 3)])
def test_records_are_filtered_by_state(chief, state, number):
    make_record()
    make_record()
    make_record(finished_at=timezone.now())
    assert f"{number} bulk revocation" in text_of(chief.get(page("changelist"), {"state": state}))


def test_no_secret_stands_in_a_preview(chief, alice):
    session = sign_in(alice)
    assert session.auth_hash not in text_of(preview(chief, everyone="on"))


def test_a_seal_of_something_else_is_none(chief, alice):
    sign_in(alice)
    other = signing.dumps(["x", False], salt="something else")
    shown = preview(chief, everyone="on")
    assert "Nothing was revoked yet." in text_of(confirm(chief, shown, seal=other))


def test_a_name_that_is_anothers_address_is_a_name_first(chief, alice):
    if get_user_model().USERNAME_FIELD != "username":
        pytest.skip("names are addresses")
    mallory = get_user_model().objects.create_user(username=alice.email, password="x")
    sign_in(alice)
    shown = preview(chief, names=mallory.get_username())
    assert "There is nothing to revoke." in text_of(shown)
