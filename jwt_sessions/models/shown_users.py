"""Whom the user model's default manager shows, so that one can tell whether it still does."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Lookup, QuerySet
from django.db.models.expressions import Col
from django.db.models.manager import BaseManager
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable
from django.db.models.sql.where import WhereNode

# Values that do not change while nobody looks. A dict may, and what is lazy, or compiled later.
PLAIN: Final = frozenset(
    {type(None), bool, int, float, Decimal, str, bytes, UUID, date, datetime, time, timedelta}
)


class ShownUsers:
    """Whom the user model's default manager shows, as of now."""

    def __init__(self) -> None:
        self.model: Any = get_user_model()
        self.manager = self.model._default_manager
        people = self.manager.get_queryset()
        # A filter may be another one each time, by tenant say.
        self.may_vary = (
            getattr(self.manager.get_queryset, "__func__", None) is not BaseManager.get_queryset
            or type(people).__init__ is not QuerySet.__init__
        )
        self.condition = describe(people.query)

    @property
    def can_be_told(self) -> bool:
        """Whether it is known when others are shown."""
        return self.condition is not None

    def are_the_same(self) -> bool:
        """Whether the same are shown now."""
        manager = self.model._default_manager
        return manager is self.manager and (
            not self.may_vary or describe(manager.get_queryset().query) == self.condition
        )


class _Untold(Exception):
    """Nobody knows what this is at another time."""


def describe(query: Any) -> object | None:
    """Return what equals the same of another query only where both select the same rows.

    None where that cannot be told: Django's own comparison ignores joins and what is made when a
    query is compiled, and compares a value that changes in place with itself. Therefore only what
    is known to be plain is described.
    """
    # Of a query class of the project's own, nobody knows when it filters.
    if type(query) is not Query or query.combinator or query.is_sliced or query.extra_tables:
        return None
    try:
        joins = [_describe_join(alias, join) for alias, join in query.alias_map.items()]
        return joins, _describe_condition(query.where)
    except _Untold:
        return None


def _describe_join(alias: str, join: Any) -> object:
    if isinstance(join, BaseTable):
        return alias, join.table_name
    field, parent = join.join_field, join.parent_alias
    if join.filtered_relation or field.get_extra_restriction(alias, parent):
        raise _Untold
    return alias, join.table_name, join.join_type, parent, field


def _describe_condition(node: Any) -> object:
    if type(node) is WhereNode:
        return node.connector, node.negated, [_describe_condition(each) for each in node.children]
    if not isinstance(node, Lookup) or not type(node).__module__.startswith("django.db.models."):
        raise _Untold
    column, value = node.lhs, node.rhs
    if type(column) is not Col:
        raise _Untold
    many = type(value) in {list, tuple}
    values = [_describe_value(each) for each in (value if many else [value])]
    return type(node), column.alias, column.target, many, values


def _describe_value(value: Any) -> object:
    # True equals 1, but not in a column of JSON.
    kind = type(value)
    if kind in PLAIN or issubclass(kind, Enum):
        return kind, value
    raise _Untold
