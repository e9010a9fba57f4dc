"""Whether the user model's default manager still shows the same people, or nobody can tell."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, date, datetime

import pytest
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Exists, F, FilteredRelation, OuterRef, Q
from django.db.models.functions import Lower, Now
from django.db.models.lookups import Exact
from django.db.models.sql import Query
from django.test.utils import register_lookup
from django.utils.functional import SimpleLazyObject

from jwt_sessions.models import Session
from jwt_sessions.models.session import SessionKind
from jwt_sessions.models.shown_users import describe
from tests.user_models.models import Locker, Robot

EITHER = Q(number=1) | Q(number=2)
TENANT = ContextVar("tenant", default="api")


class Tenant(models.Expression):
    """What is known no sooner than when the query is compiled."""

    output_field = models.CharField()

    def as_sql(self, compiler, connection):
        return "%s", [TENANT.get()]


class OfTheTenant(Exact):
    """The same as a lookup of the project's own."""

    lookup_name = "of_tenant"

    def process_rhs(self, compiler, connection):
        return "%s", [TENANT.get()]


class QueryOfTheirs(Query):
    pass


def lockers(**conditions):
    return Locker.objects.filter(**conditions)


def sessions_of(tenant):
    own = FilteredRelation("jwt_sessions", condition=Q(jwt_sessions__kind=tenant))
    return get_user_model().objects.annotate(own=own).filter(own__isnull=False)


@pytest.mark.parametrize(
    "rows",
    [
        lockers,
        lambda: lockers(number=1),
        lambda: lockers(number__in=[1, 2]),
        lambda: lockers(number__range=(1, 2)),
        lambda: lockers(robot__motto="x", robot__maker__motto="y"),
        lambda: Session.objects.filter(kind=SessionKind.API),
        lambda: Locker.objects.exclude(number__gt=5),
        lambda: Locker.objects.filter(EITHER),
        lambda: Robot.objects.filter(motto__startswith="a", built_on__lt=date(2026, 1, 1)),
        lambda: Session.objects.filter(created_at__lt=datetime(2026, 1, 1, tzinfo=UTC)),
        lambda: Locker.objects.annotate(more=F("number") + 1).select_related("robot").only("id"),
    ],
)
def test_a_filter_is_the_same_that_is_written_the_same(rows):
    assert describe(rows().query) is not None
    assert describe(rows().query) == describe(rows().query)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lockers(number=1), lockers()),
        (lockers(number=1), lockers(number=2)),
        (lockers(number=1), lockers(number__gte=1)),
        (lockers(number__in=[1]), lockers(number__in=[1, 2])),
        (lockers(number=1), Locker.objects.exclude(number=1)),
        (lockers(robot__motto="x"), lockers(robot__maker__motto="x")),
        # The last table of both is the user's, by the same name.
        (lockers(customer__is_active=True), lockers(member__is_active=True)),
        (
            Session.objects.filter(user__is_active=True),
            Session.objects.filter(revoked_by__is_active=True),
        ),
        (
            lockers(robot__motto="x").filter(robot__maker__motto="y"),
            lockers(robot__maker__motto="x").filter(robot__motto="y"),
        ),
        (Locker.objects.filter(EITHER), Locker.objects.filter(~EITHER)),
        (Locker.objects.filter(EITHER), Locker.objects.filter(Q(number=1) ^ Q(number=2))),
        (Robot.objects.filter(settings=True), Robot.objects.filter(settings=1)),
        (Robot.objects.filter(settings=[1]), Robot.objects.filter(settings=1)),
        (Session.objects.filter(browser="x"), Session.objects.filter(platform="x")),
    ],
)
def test_another_filter_is_another_one(one, other):
    assert describe(one.query) is not None
    assert describe(one.query) != describe(other.query)


@pytest.mark.parametrize(
    "rows",
    [
        lambda: Robot.objects.filter(settings={"colours": ["red"]}),
        lambda: Robot.objects.filter(motto__in=[Tenant(), "x"]),
        lambda: Robot.objects.filter(motto=Tenant()),
        lambda: Session.objects.filter(device_name=SimpleLazyObject(TENANT.get)),
        lambda: Robot.objects.filter(motto=F("maker__motto")),
        lambda: Robot.objects.filter(Exists(Locker.objects.filter(robot=OuterRef("pk")))),
        lambda: Robot.objects.filter(~Exists(Locker.objects.filter(robot=OuterRef("pk")))),
        lambda: Robot.objects.filter(locker__in=Locker.objects.filter(number=1)),
        lambda: Robot.objects.annotate(low=Lower("motto")).filter(low=Tenant()),
        lambda: Robot.objects.annotate(lockers=models.Count("locker")).filter(lockers=0),
        lambda: Robot.objects.filter(motto__of_tenant=""),
        lambda: Robot.objects.extra(where=["motto = %s"], params=["x"]),
        lambda: Robot.objects.extra(tables=["user_models_locker"]),
        lambda: Robot.objects.filter(motto="a").union(Robot.objects.filter(motto="b")),
        lambda: Robot.objects.filter(motto="a")[:1],
        Robot.objects.none,
        lambda: Session.objects.filter(created_at__lt=Now()),
        lambda: sessions_of("api"),
        lambda: models.QuerySet(Robot, query=QueryOfTheirs(Robot)),
    ],
)
def test_what_may_select_others_unseen_cannot_be_told(rows):
    with register_lookup(models.CharField, OfTheTenant):
        assert describe(rows().query) is None


def test_a_join_may_have_a_condition_of_its_own(monkeypatch):
    restriction = Exact(F("pk"), Tenant())
    rows = lockers(robot__motto="x")
    field = Locker._meta.get_field("robot")
    monkeypatch.setattr(field, "get_extra_restriction", lambda *aliases: restriction)
    assert describe(rows.query) is None
