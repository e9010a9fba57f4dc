"""Pages of bulk revocations, whatever stands in an address, in a record or in the settings."""

from __future__ import annotations

import pytest

from jwt_sessions.models import BulkRevocation
from tests.operators import page, staff, text_of


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
