"""How the ids of revoked sessions are kept: packed, sorted, and found again."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_sessions.models import Session
from jwt_sessions.revocation import window
from jwt_sessions.revocation.window import Knowledge, _sort, read_window
from tests.many_sessions import begin

ids = st.one_of(st.uuids(), st.integers(0, 40).map(lambda number: UUID(int=2**127 + number)))


@pytest.mark.once
@given(known=st.sets(ids, max_size=50), asked=st.lists(ids, max_size=20))
def test_what_is_known_is_what_was_packed(known, asked):
    packed = b"".join(each.bytes for each in sorted(known, key=lambda each: each.bytes))
    assert len(packed) == 16 * len(known)
    knowledge = Knowledge(1, 0.0, packed)
    near = {UUID(int=(each.int + step) % 2**128) for each in known for step in (-1, 1)}
    for each in {*asked, *known, *near, UUID(int=0), UUID(int=2**128 - 1)}:
        assert knowledge.has(each) == (each in known)


@pytest.mark.once
@given(st.lists(st.uuids()))
def test_ids_in_any_order_are_sorted_by_their_bytes(unsorted):
    packed = b"".join(each.bytes for each in unsorted)
    in_order = sorted(unsorted, key=lambda each: each.bytes)
    assert _sort(packed) == b"".join(each.bytes for each in in_order)


@pytest.mark.parametrize("number", [0, 1, 2, 300])
def test_the_window_is_read_sorted_in_one_query(alice, number, django_assert_num_queries):
    made = begin(alice, number=number, revoked_after=timedelta(0))
    begin(alice, number=3)
    with django_assert_num_queries(1):
        packed = read_window()
    assert packed == b"".join(sorted(each.pk.bytes for each in made))


def test_where_the_database_sorts_otherwise_it_is_sorted_here(alice, monkeypatch):
    made = begin(alice, number=5, revoked_after=timedelta(0))

    class Backwards:
        objects = Session.objects.all().order_by("-pk")

    monkeypatch.setattr(Backwards.objects, "filter", lambda **facts: Backwards.objects)
    monkeypatch.setattr(Backwards.objects, "order_by", lambda *names: Backwards.objects)
    monkeypatch.setattr(window, "Session", Backwards)
    assert read_window() == b"".join(sorted(each.pk.bytes for each in made))


@pytest.mark.once
def test_what_is_known_is_never_changed():
    with pytest.raises(FrozenInstanceError):
        Knowledge(1, 0.0, b"").epoch = 2
