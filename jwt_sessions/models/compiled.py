"""One row by its primary key, by a query that is compiled once for each connection.

The ORM spends most of the time of a small query on compiling it again. Here its compiler does so
once. From then on the text is executed by a cursor of Django's, as every query is, and the row
becomes instances in the ORM's way: by the converters of backend and fields, and
``Model.from_db``. Where a query does not lend itself to that, the ORM is asked each time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast
from uuid import UUID, uuid4

from django.core.exceptions import EmptyResultSet
from django.core.signals import setting_changed
from django.db import connections, models, router

from jwt_sessions.models.shown_users import ShownUsers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.expressions import Col

    from jwt_sessions.models.primary import PrimaryQuerySet

M = TypeVar("M", bound=models.Model)

# The name of the one parameter that differs from query to query.
PK: Final = "pk"


class CompiledLookup(Generic[M]):
    """Finds instances of `model` as ``rows().filter(pk=...)`` does; the primary key is a UUID.

    `rows` may depend on the settings and on the user model's default manager, on nothing else. What
    it loads along, it finds by foreign keys of `model`.
    """

    def __init__(self, model: type[M], rows: Callable[[], PrimaryQuerySet[M]]) -> None:
        self.model = model
        self.rows = rows
        setting_changed.connect(self.forget)
        self.forget()

    def get(self, pk: UUID) -> M | None:
        """Return the instance, or None where there is none. One query."""
        connection = connections[router.db_for_write(self.model)]
        plan = self._plan(connection)
        if plan is None:
            return next(iter(self.rows().filter(pk=pk).order_by()), None)
        return cast("M | None", plan.fetch(pk, connection))

    def forget(self, **kwargs: Any) -> None:
        """Compile anew from now on: a setting has changed."""
        self._since = object()

    def _plan(self, connection: BaseDatabaseWrapper) -> Plan | None:
        # Kept by the connection itself, for the converters are its own: kept anywhere else, they
        # would keep it open when its thread is gone.
        kept: dict[Any, tuple[object, ShownUsers, Plan | None]]
        kept = connection.__dict__.setdefault("jwt_sessions_plans", {})
        # Read first: a setting that changes meanwhile makes this plan an old one.
        current = self._since
        since, users, plan = kept.get(self) or (None, None, None)
        if since is not current or users is None or not users.are_the_same():
            users = ShownUsers()
            plan = compile_plan(self.rows(), connection) if users.can_be_told else None
            kept[self] = current, users, plan
        return plan


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left to do of a query that is compiled."""

    sql: str
    # All parameters but PK, for which `prepare` makes a value fit for the database.
    params: Mapping[str, Any]
    prepare: Callable[[UUID, BaseDatabaseWrapper], Any]
    # Where in the row a value is to be converted, by what, and the column it comes from.
    conversions: Sequence[tuple[int, Sequence[Callable[..., Any]], Col]]
    shape: Shape

    def fetch(self, pk: UUID, connection: BaseDatabaseWrapper) -> Any:
        """Return the instance, or None where there is no such row."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, {**self.params, PK: self.prepare(pk, connection)})
            found = cursor.fetchone()
        if found is None:
            return None
        row = list(found)
        for place, converters, column in self.conversions:
            value = row[place]
            for convert in converters:
                value = convert(value, column, connection)
            row[place] = value
        return self.shape.build(row, connection.alias)


@dataclass(frozen=True, slots=True)
class Shape:
    """Where in a row the instance of one model is, and those that belong to it."""

    model: type[models.Model]
    names: Sequence[str]
    values: slice
    pk_place: int
    # Each with what lets it be found from the instance, and what lets that be found from it.
    related: Sequence[tuple[Shape, Callable[[Any, Any], None], Callable[[Any, Any], None]]]

    def build(self, row: Sequence[Any], alias: str) -> Any:
        """Return the instance, or None where the join found nothing."""
        if row[self.pk_place] is None:
            return None
        instance = self.model.from_db(alias, self.names, row[self.values])
        for shape, set_here, set_there in self.related:
            other = shape.build(row, alias)
            set_here(instance, other)
            if other is not None:
                set_there(other, instance)
        return instance


def compile_plan(rows: PrimaryQuerySet[Any], connection: BaseDatabaseWrapper) -> Plan | None:
    """Return how the row with some primary key is found; None where only the ORM can do it."""
    if not connection.features.supports_paramstyle_pyformat:
        return None
    key, example = cast("Any", rows.model._meta.pk), uuid4()
    compiler = rows.filter(pk=example).order_by().query.get_compiler(connection=connection)
    try:
        text, values = compiler.as_sql()
    except EmptyResultSet:
        return None
    if compiler.annotation_col_map:
        return None
    columns = [expression for expression, *_ in compiler.select]
    marker = key.get_db_prep_value(example, connection)
    places = [number for number, value in enumerate(values) if value == marker]
    if len(places) != 1:
        return None
    names = [PK if number in places else f"p{number}" for number in range(len(values))]
    return Plan(
        sql=_name_parameters(text, names),
        params=dict(zip(names, values, strict=True)),
        prepare=key.get_db_prep_value,
        conversions=[(place, *how) for place, how in compiler.get_converters(columns).items()],
        shape=_read_shape(compiler.klass_info, columns),
    )


def _name_parameters(sql: str, names: Sequence[str]) -> str:
    # By position, Django's SQLite backend would search the text for them each time.
    left = iter(names)
    # A percent sign that stands alone is part of a column's name.
    return re.sub("%[%s]?", lambda found: f"%({next(left)})s" if found[0] == "%s" else "%%", sql)


def _read_shape(info: Mapping[str, Any], columns: Sequence[Any]) -> Shape:
    """Return what Django's compiler tells of one model of a query."""
    model, places = info["model"], info["select_fields"]
    values = slice(places[0], places[-1] + 1)
    names = [column.target.attname for column in columns[values]]
    return Shape(
        model=model,
        names=names,
        values=values,
        pk_place=values.start + names.index(model._meta.pk.attname),
        related=[
            (_read_shape(other, columns), other["local_setter"], other["remote_setter"])
            for other in info.get("related_klass_infos", [])
        ],
    )
