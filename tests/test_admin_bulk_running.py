"""A bulk revocation runs on a page: in steps, by a script or by a button, left and taken up."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core import signing
from django.db import OperationalError, connections
from django.test import override_settings

from jwt_sessions import sessions
from jwt_sessions.admin.bulk import log_entries, running
from jwt_sessions.models import BulkRevocation, BulkRevocationReason, Session
from jwt_sessions.sessions import bulk, stepping
from tests.operators import (
    ALL_OF_IT,
    OneBatch,
    confirm,
    page,
    preview,
    put_on_record,
    sign_in,
    staff,
    step,
    step_by_script,
    text_of,
)
from tests.people import Device, make_user

proves = pytest.mark.proves


@pytest.fixture
def chief(db):
    """Staff who may revoke in bulk, and is no superuser."""
    return staff("chief", *ALL_OF_IT)


@pytest.fixture
def root(db):
    """A superuser."""
    return staff("root", is_superuser=True)


@pytest.fixture
def short_steps(monkeypatch):
    """One batch of two sessions in each step."""
    monkeypatch.setattr(bulk.Run.__init__, "__defaults__", (2,))
    monkeypatch.setattr(stepping, "Deadline", OneBatch)


def reload(record):
    return BulkRevocation.objects.get(pk=record.pk)


def run(client, record):
    """Press the button until it is done; return how often that was."""
    position = ""
    for number in range(1, 100):
        answer = step_by_script(client, record, position).json()
        if answer["is_finished"]:
            return number
        position = answer["position"]
    raise AssertionError(answer)


@proves("P1")
def test_a_page_revokes_what_was_confirmed_and_the_tokens_no_longer_work(chief, alice):
    phone = Device()
    phone.sign_in(alice)
    record = put_on_record(chief, everyone="on")
    assert phone.call_protected().status_code == 200
    run(chief, record)
    assert phone.call_protected().status_code == 401
    record = reload(record)
    assert record.is_finished
    assert (record.done, phone.session.bulk_revocation, phone.session.revoker) == (
        1,
        record,
        chief.user,
    )


@pytest.mark.usefixtures("switched_on", "short_steps", "db")
def test_the_operators_own_browser_is_signed_out_when_all_is_done(alice, clock):
    chief = staff("chief", *ALL_OF_IT)
    clock.shift(timedelta(seconds=1))
    sign_in(alice, 5)
    clock.shift(timedelta(seconds=1))
    record = put_on_record(chief, everyone="on")
    assert run(chief, record) > 2
    assert (reload(record).done, Session.objects.unrevoked().count()) == (6, 0)
    assert chief.get(page("run", record.pk)).status_code == 302


def test_sessions_that_begin_after_the_confirmation_stay(chief, alice, clock):
    sign_in(alice)
    record = put_on_record(chief, everyone="on")
    clock.shift(timedelta(seconds=1))
    sign_in(alice, 2)
    run(chief, record)
    assert Session.objects.unrevoked().count() == 2


def test_looking_at_the_page_starts_nothing(chief, alice):
    sign_in(alice)
    record = put_on_record(chief, everyone="on")
    for _ in range(2):
        shown = chief.get(page("run", record.pk))
        assert 'data-starts="no"' in text_of(shown)
    assert reload(record).done == 0
    assert "no-store" in shown["cache-control"]
    assert f"python manage.py revokesessions --resume {record.pk}" in text_of(shown)


def test_the_page_starts_by_itself_once_after_the_confirmation(chief, root, alice):
    sign_in(alice)
    address = confirm(chief, preview(chief, everyone="on")).url
    assert 'data-starts="no"' in text_of(root.get(address))
    assert 'data-starts="yes"' in text_of(chief.get(address))
    assert 'data-starts="no"' in text_of(chief.get(address))


def test_without_javascript_each_press_of_the_button_goes_on(chief, alice, short_steps):
    sign_in(alice, 3)
    record = put_on_record(chief, everyone="on")
    presses = 0
    shown = chief.get(page("run", record.pk))
    while "Continue" in text_of(shown):
        position = text_of(shown).partition('name="position" value="')[2].partition('"')[0]
        shown = chief.post(page("step", record.pk), {"position": position}, follow=True)
        presses += 1
    assert presses > 1
    assert "3 sessions revoked" in text_of(shown)
    assert "Done in" in text_of(shown)


def test_a_script_is_told_how_far_it_is(chief, alice, short_steps):
    sign_in(alice, 4)
    record = put_on_record(chief, everyone="on")
    answer = step_by_script(chief, record)
    facts = answer.json()
    assert (facts["done"], facts["percent"], facts["is_finished"]) == (2, 50, False)
    assert facts["progress"] == "2 of 4 sessions revoked"
    assert "no-store" in answer["cache-control"]


def test_it_is_left_and_another_operator_takes_it_up(chief, root, alice, short_steps):
    sign_in(alice, 5)
    record = put_on_record(chief, everyone="on")
    step(chief, record)
    assert "Go on" in text_of(root.get(page("change", record.pk)))
    run(root, record)
    assert reload(record).done == 5
    assert "Go on" not in text_of(root.get(page("change", record.pk)))


def test_two_operators_at_once_count_each_session_once(chief, root, alice, short_steps):
    sign_in(alice, 6)
    records = [put_on_record(client, everyone="on") for client in (chief, root)]
    for _ in range(2):
        step(chief, records[0])
        step(root, records[1])
    for client, record in zip((chief, root), records, strict=True):
        run(client, record)
    assert sum(reload(record).done for record in records) == 6
    assert all(reload(record).is_finished for record in records)


@proves("A1")
def test_a1_who_loses_the_permission_half_way_is_stopped(chief, alice, short_steps):
    sign_in(alice, 6)
    record = put_on_record(chief, everyone="on")
    step(chief, record)
    chief.user.user_permissions.remove(Permission.objects.get(codename="bulkrevoke_session"))
    assert step(chief, record).status_code == 403
    assert step_by_script(chief, record).status_code == 403
    assert reload(record).done == 2


@proves("A1")
def test_a1_who_must_spare_superusers_may_not_run_what_does_not(chief, root):
    sign_in(root.user)
    record = put_on_record(root, everyone="on")
    assert chief.get(page("run", record.pk)).status_code == 403
    assert step(chief, record).status_code == 403
    assert "Go on" not in text_of(chief.get(page("change", record.pk)))
    run(root, record)
    assert reload(record).done == 1


@pytest.mark.parametrize("criteria", [[], {}, {"except_superusers": "yes"}, 7, None, "x"])
def test_criteria_that_do_not_say_so_spare_nobody(chief, criteria):
    record = BulkRevocation.objects.create(reason="breach", criteria=criteria or {})
    assert step(chief, record).status_code == 403


def test_a_record_of_a_program_is_for_a_program_to_finish(root, alice):
    sign_in(alice)
    record = BulkRevocation.objects.create(reason="breach", criteria={"mine": 1})
    shown = text_of(root.get(page("run", record.pk)))
    assert "sessions.resume_revocation(record, queryset)" in shown
    assert "Continue" not in shown
    assert step_by_script(root, record).status_code == 409
    assert "only a program can go on" in text_of(root.post(page("step", record.pk), follow=True))
    assert not Session.objects.revoked().exists()


@pytest.mark.parametrize(
    "position", ["x", "\0", "null", "[null, true, false]:x", "9" * 5000, "é:é:é"]
)
def test_a_bad_position_means_from_the_beginning(chief, alice, position):
    sign_in(alice)
    record = put_on_record(chief, everyone="on")
    assert step_by_script(chief, record, position).status_code == 200
    run(chief, record)
    assert reload(record).done == 1
    assert chief.get(page("run", record.pk), {"position": position}).status_code == 200


def test_a_forged_or_foreign_position_does_not_end_it_early(chief, alice, short_steps):
    sign_in(alice, 9)
    last = Session.objects.order_by("pk").last()
    record = put_on_record(chief, everyone="on")
    other = put_on_record(chief, everyone="on")
    end = sessions.Position(after=last.pk)
    foreign = running.write_position(other, end)
    for position in (foreign, json.dumps(end.to_json()), signing.dumps(end.to_json())):
        assert not step_by_script(chief, record, position).json()["is_finished"]
    # A good one would.
    good = running.write_position(record, end)
    assert running.read_position(record, good) == end


def test_a_finished_record_is_left_as_it_is(chief, alice):
    sign_in(alice)
    record = put_on_record(chief, everyone="on")
    run(chief, record)
    finished = reload(record).finished_at
    sign_in(alice)
    assert step_by_script(chief, record).json()["is_finished"]
    assert reload(record).finished_at == finished
    assert Session.objects.unrevoked().count() == 1


def test_a_database_that_fails_is_told_and_it_goes_on_later(chief, alice, monkeypatch):
    sign_in(alice)
    record = put_on_record(chief, everyone="on")

    def fail(*args, **kwargs):
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "revoke_some", fail)
        answer = step_by_script(chief, record)
        assert answer.status_code == 503
        assert "What is revoked stays revoked." in answer.json()["error"]
        assert "stays revoked" in text_of(chief.post(page("step", record.pk), follow=True))
    run(chief, record)
    assert reload(record).done == 1


@pytest.mark.parametrize("number", ["0", "9" * 19, "9" * 30, "9" * 5000, "１"])
@pytest.mark.parametrize("name", ["run", "step", "csv"])
def test_an_unknown_record_is_not_found(root, number, name):
    address = page(name, 1).replace("/1/", f"/{number}/")
    send = root.post if name == "step" else root.get
    assert send(address, follow=True).status_code in {404, 200}
    assert not LogEntry.objects.exists()


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_it_runs_also_where_requests_are_transactions(chief, alice):
    sign_in(alice)
    before = {alias: connections[alias].settings_dict["ATOMIC_REQUESTS"] for alias in connections}
    for alias in connections:
        connections[alias].settings_dict["ATOMIC_REQUESTS"] = True
    try:
        record = put_on_record(chief, everyone="on")
        run(chief, record)
    finally:
        for alias, value in before.items():
            connections[alias].settings_dict["ATOMIC_REQUESTS"] = value
    assert reload(record).done == 1


def test_steps_need_the_csrf_token(chief, alice):
    sign_in(alice)
    record = put_on_record(chief, everyone="on")
    chief.handler.enforce_csrf_checks = True
    assert step_by_script(chief, record).status_code == 403
    assert reload(record).done == 0


@proves("V3")
def test_v3_the_end_is_logged_on_the_record_and_on_each_person(chief, alice, bob, committed):
    sign_in(alice, 2)
    sign_in(bob)
    record = put_on_record(chief, everyone="on")
    with committed():
        run(chief, record)
    told = {
        entry.object_id: entry.get_change_message() for entry in LogEntry.objects.order_by("pk")
    }
    reason = str(BulkRevocationReason.BREACH.label)
    assert told[str(alice.pk)] == f"2 sessions revoked in bulk revocation {record.pk}: {reason}"
    assert told[str(bob.pk)] == f"1 session revoked in bulk revocation {record.pk}: {reason}"
    entries = LogEntry.objects.filter(content_type__model="bulkrevocation", user=chief.user)
    texts = [entry.get_change_message() for entry in entries.order_by("pk")]
    assert texts == [f"Confirmed: 3 sessions, {reason}.", "Finished: 3 sessions revoked."]


@pytest.mark.parametrize("limit", ["MOST_PEOPLE", "MOST_SESSIONS"])
def test_where_too_many_are_hit_people_get_no_entries(
    chief, alice, bob, monkeypatch, limit, committed
):
    monkeypatch.setattr(log_entries, limit, 1)
    sign_in(alice)
    sign_in(bob)
    record = put_on_record(chief, everyone="on")
    with committed():
        run(chief, record)
    assert not LogEntry.objects.exclude(content_type__model="bulkrevocation").exists()
    last = LogEntry.objects.order_by("-pk").first().get_change_message()
    assert last == "Finished: 2 sessions revoked. They are too many for an entry on each person."


def test_nothing_is_logged_in_the_name_of_nobody(alice, committed):
    sign_in(alice)
    criteria = sessions.Criteria(everyone=True)
    record = sessions.record_revocation(criteria, reason=BulkRevocationReason.POLICY)
    with committed():
        sessions.resume_revocation(record)
    assert reload(record).is_finished
    assert not LogEntry.objects.exists()


def test_an_end_by_command_is_logged_too(chief, alice, committed):
    sign_in(alice)
    record = put_on_record(chief, everyone="on")
    with committed():
        sessions.resume_revocation(record)
    assert LogEntry.objects.filter(object_id=str(alice.pk), user=chief.user).exists()


def test_entries_on_people_take_few_queries(chief, django_assert_max_num_queries):
    people = [make_user(f"person{number}") for number in range(30)]
    for number, person in enumerate(people):
        sign_in(person, 1 + number % 2)
    record = put_on_record(chief, everyone="on")
    run(chief, record)
    with django_assert_max_num_queries(10):
        log_entries.log_end(record=record)
    assert LogEntry.objects.exclude(content_type__model="bulkrevocation").count() == 30


@override_settings(ROOT_URLCONF="tests.admin_urls")
def test_all_works_on_a_site_of_ones_own(root, alice):
    sign_in(alice)
    record = put_on_record(root, everyone="on")
    assert root.get(page("run", record.pk)).status_code == 200
    run(root, record)
    for name in ("run", "change", "history", "csv"):
        assert root.get(page(name, record.pk)).status_code == 200
    assert root.get(page("changelist")).status_code == 200
