"""Pages of bulk revocations, whatever stands in an address, in a record or in the settings."""

from __future__ import annotations

import re

import pytest
from django.db import DatabaseError, connection, transaction

from jwt_sessions.models import BulkRevocation, Session
from tests.operators import page, preview, sign_in, staff, step_by_script, text_of
from tests.people import make_user


@pytest.fixture
def root(db):
    """A superuser, who is refused nothing."""
    return staff("root", is_superuser=True)


def test_what_programs_read_has_no_thousands_apart(root, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    criteria = {"everyone": True}
    record = BulkRevocation(pk=12345, reason="breach", criteria=criteria, total=67890, done=23456)
    record.save()
    shown = text_of(root.get(page("run", 12345)))
    assert "--resume 12345<" in shown
    assert 'data-done="23456"' in shown
    assert 'data-total="67890"' in shown


QUERIES = [
    *("criteria__contains=x", "criteria__0=x", "note__regex=(", "note__iregex=*", "note=%00"),
    *("reason=%00", "reason__exact=%00", "reason__regex=(", "reason=nonsense", "state=%00"),
    *(f"pk__in={'9' * 30}", f"done={'9' * 5000}", "started_at__week_day=x", "by__password=x"),
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda text: text[:30])
def test_an_address_cannot_break_the_list_of_records(root, query):
    BulkRevocation.objects.create(reason="breach", criteria={"everyone": True})
    response = root.get(f"{page('changelist')}?{query}")
    assert response.status_code in {200, 302, 400}


def test_records_are_filtered_by_their_reason(root):
    for reason in ("breach", "exercise"):
        BulkRevocation.objects.create(reason=reason, criteria={"everyone": True})
    response = root.get(page("changelist"), {"reason": "exercise"})
    assert [each.reason for each in response.context_data["cl"].result_list] == ["exercise"]


TOO_LARGE = "9" * 30
CRITERIA = [
    *([], "everyone", 5, {"unknown": [[[{}]]]}, {"users": {}}, {"users": [[1], None, {}]}),
    *({"users": [TOO_LARGE]}, {"users": [int(TOO_LARGE)]}, {"groups": [TOO_LARGE]}),
    *({"everyone": True, "except_users": [TOO_LARGE]}, {"session_ids": [2**128]}),
    *({"device": "\ud800"}, {"device": "a\0"}, {"unknown": "\ud800"}, {"network": "fe80::1%a"}),
    *(
        {"created_after": "0001-01-01T00:00:00+14:00"},
        {"created_after": "9999-12-31T23:00:00-14:00"},
    ),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("criteria", CRITERIA, ids=lambda each: ascii(each)[:40])
def test_a_record_that_holds_any_json_has_its_pages(root, criteria):
    try:
        with transaction.atomic():
            record = BulkRevocation.objects.create(reason="breach", criteria=criteria)
    except (DatabaseError, ValueError):
        return  # not in this database
    for name in ("change", "run"):
        assert root.get(page(name, record.pk)).status_code == 200
    answer = step_by_script(root, record)
    assert answer.status_code in {200, 409}
    assert not Session.objects.revoked().exists()


@pytest.mark.skipif(connection.vendor == "mysql", reason="There, both are one name.")
def test_a_name_in_capitals_does_not_mean_another_person_without(root):
    both = [make_user(name) for name in ("Carol", "carol")]
    for person in both:
        sign_in(person)
    for person in both:
        shown = text_of(preview(root, names=person.get_username()))
        assert "1 session of 1 person" in shown


def test_a_record_leads_to_the_sessions_it_has_revoked(root, alice):
    mine, other = sign_in(alice), sign_in(alice)
    record = BulkRevocation.objects.create(reason="breach", criteria={"everyone": True})
    Session.objects.filter(pk=mine.pk).revoke(reason="revoked_by_staff", bulk_revocation=record)
    Session.objects.filter(pk=other.pk).revoke(reason="signed_out")
    shown = text_of(root.get(page("change", record.pk)))
    (address,) = re.findall(r'href="([^"]+)">Sessions</a></li>', shown)
    response = root.get(address)
    assert response.status_code == 200
    assert [each.pk for each in response.context_data["cl"].result_list] == [mine.pk]
