"""The one statement of a refresh that writes: the same as by the ORM, for whoever was fastest."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, RevokedReason


@pytest.fixture
def row(phone):
    return phone.session.refresh_token


def swap(row, generation=0, **changes):
    return RefreshToken.objects.swap(row.pk, generation=generation, changes=changes)


def everything():
    now = timezone.now()
    return {
        "generation": 1,
        "grace_uses": 3,
        "last_seen_at": now + timedelta(microseconds=7),
        "idle_expires_at": now + timedelta(days=3),
        "address": "2001:db8::1",
    }


def stored():
    """All rows, as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM jwt_sessions_refreshtoken ORDER BY session_id")
        return cursor.fetchall()


@pytest.mark.parametrize("changes", [everything(), {"address": "192.0.2.77"}, {"grace_uses": 1}])
def test_a_swap_writes_what_an_update_would(row, laptop, changes):
    assert RefreshToken.objects.unchanged(row).update(**changes) == 1
    expected = stored()
    row.save()
    assert stored() != expected
    assert RefreshToken.objects.swap(row.pk, generation=0, changes=changes)
    assert stored() == expected


def test_a_swap_that_changes_nothing_has_found_its_row(row):
    assert swap(row, last_seen_at=row.last_seen_at)
    assert swap(row, last_seen_at=row.last_seen_at)


def test_a_swap_finds_no_other_generation_no_revoked_session_and_none_that_is_not_there(row):
    assert not swap(row, generation=1, grace_uses=1)
    assert not RefreshToken.objects.swap(uuid4(), generation=0, changes={"grace_uses": 1})
    sessions.revoke(row.pk, reason=RevokedReason.SIGNED_OUT)
    assert not swap(row, grace_uses=1)
    assert RefreshToken.objects.get().grace_uses == 0


def test_a_revoked_session_of_somebody_else_is_in_nobodys_way(row, laptop):
    sessions.revoke(laptop.session.pk, reason=RevokedReason.SIGNED_OUT)
    assert swap(row, grace_uses=1)
    sessions.revoke(row.pk, reason=RevokedReason.SIGNED_OUT)
    assert not swap(row, grace_uses=2)


@pytest.mark.django_db(databases=["default", "accounts"])
@pytest.mark.parametrize("alias", ["default", "accounts"])
def test_an_error_spoils_the_transaction_of_its_own_database(alias):
    def fail(*args):
        raise DatabaseError

    with transaction.atomic(using="default"), transaction.atomic(using="accounts"):
        with connections[alias].execute_wrapper(fail), pytest.raises(DatabaseError):
            RefreshToken.objects.using(alias).swap(uuid4(), generation=0, changes={"address": None})
        spoiled = [each.alias for each in connections.all() if each.needs_rollback]
    assert spoiled == [alias]


def test_where_a_transaction_is_broken_nothing_is_written(row):
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            swap(row, grace_uses=1)
