"""Which sessions a bulk revocation is about."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.clients import address_key
from jwt_sessions.exceptions import BadCriteria
from jwt_sessions.models import RefreshToken, Session
from jwt_sessions.sessions import Criteria, criteria
from tests.people import make_user

DAY = timedelta(days=1)


@pytest.fixture
def hers(alice):
    return sessions.start(alice).session


@pytest.fixture
def his(bob):
    return sessions.start(bob).session


@pytest.fixture
def change(hers):
    """Let alice's session be of another kind, of another time and so on."""
    return lambda **values: Session.objects.filter(pk=hers.pk).update(**values)


def found(**given):
    """Find them twice: by the criteria, and by what is left of them on record."""
    asked = Criteria(**given)
    kept = Criteria.from_json(json.loads(json.dumps(asked.to_json())))
    assert kept == asked
    return set(kept.sessions())


def refused(**given):
    with pytest.raises(BadCriteria) as error:
        Criteria(**given)
    return error.value.code


def test_nothing_is_not_everything(db):
    assert refused() == refused(staff=False, everyone=False) == "no_criteria"


def test_everyone(hers, his):
    assert found(everyone=True) == {hers, his}


def test_people(alice, hers, his):
    assert found(users=[alice]) == found(users=[alice.pk]) == found(users=[str(alice.pk)]) == {hers}
    assert Criteria(users=[alice]).to_json() == {"users": [str(alice.pk)]}


def test_an_empty_list_of_people_is_nobody(hers):
    assert found(users=[]) == found(users=[], everyone=True) == found(groups=[]) == set()


def test_one_text_is_no_list_of_people(db):
    assert refused(users="12") == "not_understood"


def test_groups(alice, hers, his):
    crew, other = Group.objects.create(name="crew"), Group.objects.create(name="other")
    alice.groups.add(crew, other)
    assert list(Criteria(groups=[crew, other]).sessions()) == [hers]
    assert found(groups=[crew]) == {hers}


def test_staff(hers, his):
    chief = sessions.start(make_user("chief", is_staff=True)).session
    assert found(staff=True) == {chief}


@pytest.mark.parametrize(("name", "code"), [("groups", "no_groups"), ("staff", "no_staff")])
def test_a_user_model_without_them_is_told(db, monkeypatch, name, code):
    get_field = get_user_model()._meta.get_field

    def lack(asked):
        return get_field("no such field" if asked in {"groups", "is_staff"} else asked)

    monkeypatch.setattr(get_user_model()._meta, "get_field", lack)
    assert refused(**{name: [1] if name == "groups" else True}) == code


def test_times_of_sign_in(hers, his, change):
    change(created_at=timezone.now() - 3 * DAY)
    moment = timezone.now() - 2 * DAY
    assert found(created_before=moment) == {hers}
    assert found(created_after=moment) == {his}


def test_a_moment_is_on_one_side_only(hers):
    moment = hers.created_at
    assert found(created_before=moment) == set()
    assert found(created_after=moment) == {hers}


def test_inactive_since(hers, his):
    RefreshToken.objects.filter(pk=hers.pk).update(last_seen_at=timezone.now() - 3 * DAY)
    assert found(inactive_since=timezone.now() - 2 * DAY) == {hers}


def test_a_time_without_a_zone_is_refused(db):
    assert refused(created_before=datetime(2026, 1, 1)) == "bad_time"  # noqa: DTZ001  # that is it


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.77"),
        ("203.0.113.77", "203.0.113.0/24"),
        ("203.0.113.77", "203.0.113.5/24"),
        ("203.0.113.77", "::ffff:203.0.113.77"),
        ("203.0.113.77", "::ffff:203.0.113.0/120"),
        ("203.0.113.77", "0.0.0.0/0"),
        ("203.0.113.77", "::/0"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:db8::1", "2001:DB8::/32"),
        ("2001:db8::1", "::/0"),
    ],
)
def test_a_network(hers, his, change, address, network):
    change(address=address, address_key=address_key(address))
    assert found(network=network) == {hers}


@pytest.mark.parametrize("network", ["203.0.113.76", "203.0.112.0/24", "2001:db8::/32", "::/96"])
def test_another_network(hers, change, network):
    change(address="203.0.113.77", address_key=address_key("203.0.113.77"))
    assert found(network=network) == set()


@pytest.mark.parametrize("text", ["", "203.0.113", "localhost", "203.0.113.0/33", "203.0.113.7:80"])
def test_what_is_no_network_is_refused(db, text):
    assert refused(network=text) == "bad_network"


@pytest.mark.parametrize("column", ["device_name", "browser", "platform", "user_agent"])
def test_a_device(hers, his, change, column):
    change(**{column: "An iPhone 100%_"})
    assert found(device="iphone") == found(device=" 100%_") == {hers}


@pytest.mark.parametrize("text", ["", "  "])
def test_a_blank_device_is_refused(db, text):
    assert refused(device=text) == "blank_device"


def test_a_kind(hers, his, change):
    change(kind="browser")
    assert found(kind="browser") == {hers}
    assert refused(kind="") == refused(kind="pigeon") == "unknown_kind"


@pytest.mark.parametrize("amr", [["pwd", "otp", "mfa"], ["mfa"]])
def test_without_second_factor(hers, his, change, amr):
    change(amr=amr)
    assert found(without_second_factor=True) == {his}


@pytest.mark.parametrize("amr", [[], ["pwd"], ["pwd", "mfa-like"], ['"mfa"']])
def test_methods_that_are_none_of_two_factors(hers, change, amr):
    change(amr=amr)
    assert found(without_second_factor=True) == {hers}


def test_all_that_is_given_must_hold(alice, bob, hers, his, change):
    change(kind="browser")
    assert found(kind="browser", users=[bob]) == set()
    assert found(everyone=True, kind="browser", users=[alice, bob]) == {hers}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "no_criteria"),
        ({"everyone": False}, "no_criteria"),
        ({"everyone": True, "colour": "red"}, "not_understood"),
        ([], "not_understood"),
        (None, "not_understood"),
        ({"created_before": "soon"}, "bad_time"),
        ({"created_before": 5}, "not_understood"),
        ({"users": "alice"}, "not_understood"),
        ({"users": 5}, "not_understood"),
        ({"staff": "no"}, "not_understood"),
        ({"network": 5}, "not_understood"),
        ({"device": ["x"]}, "not_understood"),
        ({"kind": ["api"]}, "not_understood"),
    ],
)
def test_what_was_never_written_is_not_read(db, data, code):
    with pytest.raises(BadCriteria) as error:
        Criteria.from_json(data)
    assert error.value.code == code


def test_neither_joins_nor_annotations(alice):
    group = Group.objects.create(name="crew")
    asked = Criteria(
        users=[alice], groups=[group], staff=True, inactive_since=timezone.now(), device="x",
        network="::/0", without_second_factor=True,
    )  # fmt: skip
    query = asked.sessions().query
    assert [alias for alias, count in query.alias_refcount.items() if count] == [query.base_table]
    assert not query.annotations


def test_every_criterion_has_its_condition(db):
    assert criteria.CONDITIONS.keys() == {field.name for field in criteria.fields(Criteria)}
