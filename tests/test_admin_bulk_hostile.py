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
