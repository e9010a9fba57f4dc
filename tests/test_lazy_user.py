"""The user of a request in cached mode: read when touched, and like any other then."""

from __future__ import annotations

import copy
import pickle

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import UserRateThrottle

from jwt_sessions import sessions
from jwt_sessions.http_errors import TokenNotValid
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.revocation import LazyUser

proves = pytest.mark.proves

pytest_plugins = ["tests.cached_fixtures"]
pytestmark = pytest.mark.django_db(transaction=True)


class UserLimit(UserRateThrottle):
    rate = "1/m"


@pytest.fixture
def seen(phone, other, rf):
    """What a view gets to see: a request of Alice's phone, and nothing is read for it."""
    other.ask(phone)

    def see():
        plain = rf.get("/", headers={"authorization": f"Bearer {phone.access}"})
        classes = api_settings.DEFAULT_AUTHENTICATION_CLASSES
        request = Request(plain, authenticators=[each() for each in classes])
        with other.at_work(), CaptureQueriesContext(connection) as sent:
            assert request.auth is not None
        assert len(sent) == 0
        return request

    return see


@pytest.fixture
def user(seen):
    """Alice, untouched."""
    user = seen().user
    assert isinstance(user, LazyUser)
    return user


def is_found(user, alice):
    return Session.objects.filter(user=user).first().user_id == alice.pk


# What costs nothing


UNREAD = {
    "pk": lambda user, alice: user.pk == alice.pk and type(user.pk) is type(alice.pk),
    "id": lambda user, alice: getattr(user, alice._meta.pk.attname) == alice.pk,
    "is_authenticated": lambda user, alice: user.is_authenticated is True,
    "is_anonymous": lambda user, alice: user.is_anonymous is False,
    "truth": lambda user, alice: bool(user) is True,
    "isinstance": lambda user, alice: isinstance(user, get_user_model()),
    "_meta": lambda user, alice: user._meta is get_user_model()._meta,
    "a row of hers": lambda user, alice: Session(user=user).user_id == alice.pk,
}


@proves("P12")
@pytest.mark.parametrize("what", UNREAD)
def test_p12_who_it_is_costs_no_query(what, user, alice, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert UNREAD[what](user, alice)
    assert user._is_untouched


@proves("P12")
def test_p12_an_owner_is_compared_without_a_query(
    user, alice, bob, phone, django_assert_num_queries
):
    row = phone.session
    assert row.user == alice
    with django_assert_num_queries(0):
        assert row.user == user
        assert row.user_id == user.pk
        assert bob != user
        assert user in [bob, alice]
    assert user._is_untouched


@proves("P12")
def test_p12_what_is_looked_for_by_it_costs_its_own_query_and_no_other(
    user, alice, phone, django_assert_num_queries
):
    with django_assert_num_queries(3):
        assert [str(row.pk) for row in Session.objects.filter(user=user)] == [phone.sid]
        assert not Session.objects.exclude(user=user).exists()
        assert Session.objects.filter(user__in=[user]).count() == 1


@proves("P12")
def test_p12_a_row_is_stored_with_it_without_reading_it(user, alice, django_assert_num_queries):
    now = alice.jwt_sessions.get().created_at
    with django_assert_num_queries(1):
        row = Session(user=user, auth_time=now, created_at=now, expires_at=now)
        row.save()
    assert alice.jwt_sessions.count() == 2
    assert Session.objects.get(pk=row.pk).user == alice


@proves("P12")
def test_p12_a_limit_by_user_costs_no_query(seen, alice, django_assert_num_queries):
    request = seen()
    with django_assert_num_queries(0):
        key = UserLimit().get_cache_key(request, None)
    assert str(alice.pk) in key


@proves("P12")
def test_p12_all_sessions_are_ended_by_it_without_reading_it(user, django_assert_num_queries):
    with django_assert_num_queries(2):  # which ones, for the cache
        assert sessions.revoke_all(user, reason=RevokedReason.SIGNED_OUT_REMOTELY) == 1
    assert user._is_untouched


def test_it_can_be_put_into_a_group(user, alice):
    group = Group.objects.create(name="editors")
    group.user_set.add(user)
    assert user._is_untouched
    assert [*alice.groups.all()] == [group]


# What costs one query


@proves("P12")
def test_p12_whatever_is_touched_first_it_is_read_once(seen, alice, django_assert_num_queries):
    touches = [
        lambda request: request.user.get_username(),
        lambda request: request.auth.session.user.get_username(),
    ]
    for first, second in (touches, reversed(touches)):
        request = seen()
        with django_assert_num_queries(1):
            assert first(request) == alice.get_username()
        with django_assert_num_queries(0):
            assert second(request) == alice.get_username()
            assert request.user.pk == request.auth.session.user_id == alice.pk
            assert request.user.is_active


def test_where_sub_is_another_field_who_it_is_costs_one_query(phone, alice, other, seen, set_jwt):
    field = alice.USERNAME_FIELD if alice._meta.pk.name != alice.USERNAME_FIELD else "password"
    set_jwt(USER_ID_FIELD=field)
    phone.refresh()
    request = seen()
    assert request.user.is_authenticated
    with CaptureQueriesContext(connection) as sent:
        assert request.user.pk == alice.pk
        assert request.user.is_active
    assert len(sent) == 1


# What is noticed when it is touched


def deactivate(rows):
    rows.update(is_active=False)


@proves("P1", "V2")
def test_v2_a_touch_in_the_code_of_a_view_raises_the_refusal(seen, alice):
    request = seen()
    deactivate(get_user_model().objects.filter(pk=alice.pk))
    for _ in range(2):
        with pytest.raises(TokenNotValid):
            request.user.get_username()
        with pytest.raises(TokenNotValid):
            request.auth.session  # noqa: B018  # the touch is the act


@proves("P1", "V2")
def test_v2_a_user_whose_id_was_changed_is_refused_when_touched(phone, alice, seen, set_jwt):
    if alice._meta.pk.name == "email":
        pytest.skip("a primary key is not changed, but copied")
    set_jwt(USER_ID_FIELD="username")
    phone.refresh()
    request = seen()
    get_user_model().objects.filter(pk=alice.pk).update(username="alicia")
    with pytest.raises(TokenNotValid):
        request.user.get_username()


# Like the real one


def test_a_copy_and_a_pickled_one_are_alice(user, alice):
    assert copy.copy(user) == alice
    assert copy.deepcopy(user) == alice
    assert pickle.loads(pickle.dumps(user)) == alice


def test_an_untouched_copy_is_read_by_itself(seen, alice, django_assert_num_queries):
    request = seen()
    twin = copy.copy(request.user)
    with django_assert_num_queries(1):
        assert twin.get_username() == request.user.get_username() == alice.get_username()


def test_it_is_hashed_and_written_as_alice_is(seen, alice):
    assert hash(seen().user) == hash(alice)
    assert str(seen().user) == str(alice)
    assert {alice: 1}[seen().user] == 1


def test_what_is_set_is_saved(user, alice):
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    alice.refresh_from_db()
    assert alice.is_staff


def test_a_password_that_is_set_on_it_ends_its_sessions(user, phone, other):
    user.set_password("another")
    user.save()
    assert other.ask(phone).status == 401
    assert phone.session.is_revoked


def test_it_can_be_deleted(user, alice):
    user.delete()
    assert not get_user_model().objects.filter(pk=alice.pk).exists()
    assert user.pk is None


def test_its_relations_are_those_of_alice(user, phone):
    assert [row.pk for row in user.jwt_sessions.all()] == [phone.session.pk]


def test_what_it_does_not_have_is_an_attribute_error(user):
    assert not hasattr(user, "no_such_thing")
    assert not hasattr(user, "resolve_expression")
