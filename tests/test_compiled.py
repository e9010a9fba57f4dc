"""A query that is compiled once finds the same as the ORM, for whatever models and databases."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, time, timedelta
from decimal import Decimal
from threading import Thread
from uuid import uuid4

import pytest
from django.db import connection, connections, models, transaction
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.models import (
    CompiledLookup,
    RefreshToken,
    RevokedReason,
    Session,
    shown_users,
)
from jwt_sessions.models.primary import PrimaryQuerySet
from jwt_sessions.revocation import find_session
from jwt_sessions.sessions.refreshing import load_refresh_token
from tests.people import make_user
from tests.user_models.models import Customer, Locker, Member, PeopleNotHidden, Robot


def session_by_orm(sid):
    return Session.objects.with_user("user").filter(pk=sid).first()


def refresh_token_by_orm(sid):
    return RefreshToken.objects.with_user("session__user").filter(pk=sid).first()


def describe(instance):
    """All there is to an instance, and to those it was loaded along with."""
    if not isinstance(instance, models.Model):
        return repr(instance)
    facts = {name: repr(value) for name, value in vars(instance).items() if name != "_state"}
    state = instance._state
    related = {
        name: describe(value)
        for name, value in state.fields_cache.items()
        if name not in {"refresh_token", "locker"}  # the way back
    }
    return type(instance), facts, state.db, state.adding, [*state.fields_cache], related


@contextmanager
def no_compiling(monkeypatch):
    def refuse(self, *args, **kwargs):
        raise AssertionError("a query is compiled")

    with monkeypatch.context() as patched:
        patched.setattr(SQLCompiler, "as_sql", refuse)
        yield


def hide_by(manager, user, monkeypatch):
    manager.model, manager.name = type(user), "objects"
    monkeypatch.setattr(type(user)._meta, "default_manager", manager)


@pytest.fixture
def session(phone):
    """A session with something in every column."""
    user = phone.session.user
    type(user).objects.update(last_login=timezone.now())
    Session.objects.update(
        revoked_at=timezone.now(),
        revoked_reason=RevokedReason.SIGNED_OUT,
        revoked_by=user,
        device_name="ünïcode 100% %s",
        address="2001:db8::1",
        data={"a": [1, None, {"b": "é"}], "c": 1.5},
    )
    return phone.session


def test_a_session_is_the_same_as_by_the_orm(session):
    for _ in range(2):
        assert describe(find_session(session.pk)) == describe(session_by_orm(session.pk))


def test_a_refresh_token_is_too(session):
    RefreshToken.objects.update(address="192.0.2.1")
    for _ in range(2):
        found, expected = load_refresh_token(session.pk), refresh_token_by_orm(session.pk)
        assert describe(found) == describe(expected)
        assert found.session.refresh_token is found


def test_a_session_whose_user_is_gone(session):
    session.user.delete()
    found = find_session(session.pk)
    assert getattr(found, "user", None) is None
    assert describe(found) == describe(session_by_orm(session.pk))


def test_where_nobody_is_hidden_it_is_known_that_the_user_is_gone(session, monkeypatch):
    hide_by(models.Manager(), session.user, monkeypatch)
    session.user.delete()
    assert find_session(session.pk).user is None
    assert load_refresh_token(session.pk).session.user is None


def test_a_session_that_is_not_there(session):
    assert find_session(uuid4()) is None
    assert load_refresh_token(uuid4()) is None


def lockers():
    return PrimaryQuerySet(Locker).select_related("customer", "member", "robot__maker")


@pytest.fixture
def robot(db):
    facts = {
        "price": Decimal("12.50"),
        "uptime": timedelta(days=3, microseconds=7),
        "firmware": b"\x00\xff",
        "settings": {"beeps": True},
        "built_on": date(2026, 1, 2),
        "wakes_at": time(7, 30),
        "weight": 0.1,
    }
    maker = Robot.objects.create(motto="first", **facts)
    return Robot.objects.create(motto="second", maker=maker, **facts)


@pytest.fixture
def customer(alice):
    Customer(**{Customer._meta.pk.name: alice}, city="Ghent").save_base(raw=True)
    return Customer.objects.get()


def assert_found_alike(locker):
    lookup = CompiledLookup(Locker, lockers)
    expected = lockers().get(pk=locker.pk)
    for _ in range(2):
        found = lookup.get(locker.pk)
        assert describe(found) == describe(expected)
    *_, plan = connection.jwt_sessions_plans[lookup]
    assert plan is not None
    return found


def test_a_child_with_a_table_of_its_own(customer):
    found = assert_found_alike(Locker.objects.create(customer=customer))
    assert found.customer.city == "Ghent"
    assert found.customer.get_username() == customer.get_username()


def test_a_proxy(alice):
    found = assert_found_alike(Locker.objects.create(member=Member.objects.get()))
    assert type(found.member) is Member


def test_fields_of_all_kinds_and_a_model_that_loads_in_its_own_way(robot):
    found = assert_found_alike(Locker.objects.create(robot=robot))
    assert (found.robot.motto, found.robot.maker.motto) == ("second", "first")
    assert found.robot.came_from[0] == "default"
    assert found.robot.locker is found


def test_nobody_at_all(db):
    assert_found_alike(Locker.objects.create())


@pytest.mark.parametrize(
    "rows",
    [
        lambda: lockers().annotate(more=models.F("number") + 1),
        lambda: lockers().annotate(more=models.F("number")),
        lambda: lockers().none(),
        lambda: lockers().filter(number=7),
        lambda: lockers().filter(number__contains="%"),
    ],
)
def test_queries_of_another_kind_are_answered_too(rows, db):
    locker, _ = Locker.objects.create(number=7), Locker.objects.create(number=7)
    lookup = CompiledLookup(Locker, rows)
    expected = rows().filter(pk=locker.pk).first()
    for _ in range(2):
        found = lookup.get(locker.pk)
        assert describe(found) == describe(expected)
        assert getattr(found, "more", None) == getattr(expected, "more", None)
        assert lookup.get(uuid4()) is None


def assert_left_to_the_orm(lookup, here, there):
    assert [lookup.get(each.pk) for each in (here, there)] == [here, there]
    assert lookup.get(uuid4()) is None
    *_, plan = connection.jwt_sessions_plans[lookup]
    assert plan is None


def test_a_database_that_takes_no_parameters_by_name(db, monkeypatch):
    monkeypatch.setattr(connection.features, "supports_paramstyle_pyformat", False)
    lookup = CompiledLookup(Locker, lockers)
    assert_left_to_the_orm(lookup, Locker.objects.create(), Locker.objects.create())


class Opaque(str):
    """Equals nothing but itself."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class OpaqueKey(models.UUIDField):
    def get_db_prep_value(self, value, connection, prepared=False):
        value = super().get_db_prep_value(value, connection, prepared)
        return value and Opaque(value)


@isolate_apps("tests.user_models")
def test_a_key_that_is_not_found_among_the_parameters(db):
    class SameLocker(models.Model):
        id = OpaqueKey(primary_key=True)

        class Meta:
            app_label = "user_models"
            db_table = Locker._meta.db_table

    one, other = Locker.objects.create(), Locker.objects.create()
    lookup = CompiledLookup(SameLocker, lambda: PrimaryQuerySet(SameLocker))
    assert_left_to_the_orm(lookup, SameLocker(one.pk), SameLocker(other.pk))


@pytest.mark.proves("P12")
def test_p12_nothing_is_compiled_twice(phone, monkeypatch):
    phone.call_protected()
    load_refresh_token(phone.session.pk)
    sid = phone.session.pk
    with no_compiling(monkeypatch):
        assert phone.call_protected().status_code == 200
        assert load_refresh_token(sid).session.pk == sid


def test_what_watches_queries_sees_this_one(phone, django_assert_num_queries):
    sid, seen = phone.session.pk, []

    def watch(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    find_session(sid)
    with (
        django_assert_num_queries(1),
        connection.execute_wrapper(watch),
        CaptureQueriesContext(connection) as captured,
    ):
        assert find_session(sid).pk == sid
    assert len(seen) == len(captured) == 1
    assert "jwt_sessions_session" in captured[0]["sql"]
    assert sid.hex in captured[0]["sql"].replace("-", "")


def test_a_wrapper_may_refuse_it(phone):
    def refuse(*args):
        raise PermissionError

    with connection.execute_wrapper(refuse), pytest.raises(PermissionError):
        find_session(phone.session.pk)


def test_after_a_changed_setting_it_is_compiled_anew(phone, settings, monkeypatch):
    sid = phone.session.pk
    before = find_session(sid)
    settings.USE_TZ = False
    with no_compiling(monkeypatch), pytest.raises(AssertionError, match="compiled"):
        find_session(sid)
    found = find_session(sid)
    assert found.created_at.tzinfo is None
    assert describe(found) == describe(session_by_orm(sid))
    settings.USE_TZ = True
    assert describe(find_session(sid)) == describe(before)


def test_a_setting_that_changes_while_it_is_compiled(db):
    locker = Locker.objects.create()
    compiled = []

    def rows():
        compiled.append(lookup)
        lookup.forget()
        return lockers()

    lookup = CompiledLookup(Locker, rows)
    for _ in range(2):
        assert lookup.get(locker.pk)
    assert len(compiled) == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="others have no such names")
@pytest.mark.parametrize("name", ["share in %", "%d", "%(pk)s"])
@isolate_apps("tests.user_models")
def test_a_column_with_a_percent_sign_in_its_name(name, db):
    class Share(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid4)
        share = models.IntegerField(db_column=name)

        class Meta:
            app_label = "user_models"

    connection.cursor().execute(f'CREATE TABLE user_models_share ("id" char(32), "{name}" int)')
    share = Share.objects.create(share=7)
    assert CompiledLookup(Share, lambda: PrimaryQuerySet(Share)).get(share.pk).share == 7


class EverythingApart:
    def db_for_write(self, model, **hints):
        return "accounts"

    db_for_read = db_for_write


@pytest.mark.django_db(databases=["default", "accounts"])
def test_each_database_is_asked_for_its_own(phone, settings):
    here = phone.session.pk
    assert find_session(here).pk == here
    settings.DATABASE_ROUTERS = ["tests.test_compiled.EverythingApart"]
    assert find_session(here) is None
    there = sessions.start(make_user("bob")).session.pk
    assert find_session(there)._state.db == find_session(there).user._state.db == "accounts"
    settings.DATABASE_ROUTERS = []
    assert find_session(there) is None


@pytest.mark.django_db(transaction=True)
def test_a_connection_goes_with_its_thread(phone):
    sid, known = phone.session.pk, []

    def ask():
        assert find_session(sid).pk == sid
        known.append(weakref.ref(connections["default"]))
        connections.close_all()

    thread = Thread(target=ask)
    thread.start()
    thread.join()
    del thread
    gc.collect()
    assert known[0]() is None


def test_an_error_in_a_transaction_is_one_as_ever(phone):
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            find_session(phone.session.pk)


TENANT = ContextVar("tenant", default="alice")


class PeopleOfTheTenant(models.Manager):
    def get_queryset(self):
        field = self.model.USERNAME_FIELD
        return super().get_queryset().filter(**{f"{field}__startswith": TENANT.get()})


class HidingQuery(Query):
    """Filters when it is compiled and no sooner, as some packages for soft deletion do."""

    def get_compiler(self, *args, **kwargs):
        if not self.where:
            self.add_q(models.Q(last_login=None))
        return super().get_compiler(*args, **kwargs)


class PeopleHiddenLate(models.Manager):
    def get_queryset(self):
        return models.QuerySet(self.model, query=HidingQuery(self.model), using=self._db)


class Tenant(models.Expression):
    """Known no sooner than when the query is compiled."""

    output_field = models.CharField()

    def as_sql(self, compiler, connection):
        return "%s", [TENANT.get()]


class PeopleOfTheTenantLate(models.Manager):
    def get_queryset(self):
        field = self.model.USERNAME_FIELD
        return super().get_queryset().filter(**{f"{field}__startswith": Tenant()})


class PeopleSignedInByTheTenant(models.Manager):
    """The condition is one of the join; what is asked of the joined row is always the same."""

    def get_queryset(self):
        here = models.Q(jwt_sessions__device_name__startswith=TENANT.get())
        own = models.FilteredRelation("jwt_sessions", condition=here)
        return super().get_queryset().annotate(own=own).filter(own__isnull=False)


class TenantQuerySet(models.QuerySet):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.query.where:
            field = self.model.USERNAME_FIELD
            self.query.add_q(models.Q(**{f"{field}__startswith": TENANT.get()}))


class TestWhomTheManagerHides:
    """Whoever the user model's default manager hides is not found, at the time of asking."""

    def test_it_is_asked_as_it_is_now(self, phone, alice, monkeypatch):
        assert find_session(phone.session.pk)
        type(alice)._base_manager.update(last_login=timezone.now())
        assert find_session(phone.session.pk)
        hide_by(PeopleNotHidden(), alice, monkeypatch)
        for _ in range(2):
            assert find_session(phone.session.pk) is None
            assert load_refresh_token(phone.session.pk) is None

    def test_a_filter_that_does_not_change_is_compiled_once(self, phone, alice, monkeypatch):
        hide_by(PeopleNotHidden(), alice, monkeypatch)
        sid = phone.session.pk
        find_session(sid)
        with no_compiling(monkeypatch):
            assert find_session(sid).pk == sid

    @pytest.mark.parametrize(
        "manager",
        [
            PeopleOfTheTenant,
            PeopleOfTheTenantLate,
            PeopleSignedInByTheTenant,
            models.Manager.from_queryset(TenantQuerySet),
        ],
    )
    def test_a_filter_may_change_from_one_request_to_the_next(
        self, manager, phone, alice, monkeypatch
    ):
        Session.objects.update(device_name="alice's phone")
        hide_by(manager(), alice, monkeypatch)
        assert find_session(phone.session.pk)
        token = TENANT.set("somebody else")
        assert find_session(phone.session.pk) is None
        assert load_refresh_token(phone.session.pk) is None
        TENANT.reset(token)
        assert find_session(phone.session.pk)

    def test_a_manager_may_be_given_a_filter_of_its_own(self, phone, alice, monkeypatch):
        manager = models.Manager()
        hide_by(manager, alice, monkeypatch)
        manager.get_queryset = lambda: PeopleOfTheTenant.get_queryset(theirs)
        theirs = PeopleOfTheTenant()
        theirs.model = type(alice)
        assert find_session(phone.session.pk)
        token = TENANT.set("somebody else")
        assert find_session(phone.session.pk) is None
        TENANT.reset(token)

    def test_a_manager_that_hides_nobody_is_not_asked_again(self, phone, alice, monkeypatch):
        hide_by(models.Manager(), alice, monkeypatch)
        assert find_session(phone.session.pk)
        monkeypatch.delattr(shown_users, "describe")
        assert find_session(phone.session.pk)

    def test_a_query_that_filters_late_is_left_to_the_orm(self, phone, alice, monkeypatch):
        hide_by(PeopleHiddenLate(), alice, monkeypatch)
        assert find_session(phone.session.pk)
        type(alice)._base_manager.update(last_login=timezone.now())
        assert find_session(phone.session.pk) is None


@pytest.mark.once
def test_all_of_this_where_users_lie_in_two_tables_and_some_are_hidden():
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    environment |= {"TEST_DATABASE": "sqlite", "TEST_USER_MODEL": "child"}
    files = [f"tests/test_{name}.py" for name in ("compiled", "authentication", "sessions_refresh")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not once"]
    pipe = subprocess.PIPE
    done = subprocess.run([*command, *files], env=environment, stdout=pipe, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
