"""Lists that go by key: however many rows there are, a page reads some thousands at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Q
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from jwt_sessions.admin.lists.filters import DaysFilter
from jwt_sessions.admin.lists.finding import is_one_of
from jwt_sessions.admin.read_only import ReadOnlyAdmin

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

    from jwt_sessions.admin.lists.finding import Found

BEFORE: Final = "before"
AFTER: Final = "after"
# How many rows a page looks at where it looks for some of them. Some filters look at a row of
# another table for each.
WINDOW: Final = 5_000
# Up to where rows are counted.
COUNTED: Final = 10_000

Place = tuple[Any, ...]


@dataclass(frozen=True)
class Direction:
    """Towards older rows, or back to newer ones: how to order, and what is beyond a place."""

    columns: tuple[str, ...]
    is_back: bool = False

    @property
    def order(self) -> list[str]:
        """What to order by."""
        return [column if self.is_back else f"-{column}" for column in self.columns]

    def beyond(self, place: Place) -> Q:
        """Return whether a row comes after a place."""
        way = "gt" if self.is_back else "lt"
        condition = Q()
        for column, value in reversed(list(zip(self.columns, place, strict=True))):
            same = Q(**{column: value}) & condition if condition else Q()
            condition = Q(**{f"{column}__{way}": value}) | same
        # Said of the first column once more, by which the database finds the place.
        return Q(**{f"{self.columns[0]}__{way}e": place[0]}) & condition


class KeysetChangeList(ChangeList):
    """Django's list, where a page begins after a row and not at a number.

    A page that is filtered looks at the next WINDOW rows by key and no further. It says up to where
    it looked, and leads on from there.
    """

    model_admin: KeysetAdmin

    def get_ordering(self, request: HttpRequest, queryset: Any) -> Any:
        return Direction(self.model_admin.key).order

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        # No filter reads them, and no link but those of the pages carries them on.
        for name in (BEFORE, AFTER):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        rows = super().get_queryset(request, exclude_parameters)
        self.found = self.model_admin.find(self.query, self.params)
        return rows.filter(self.found.condition)

    def get_results(self, request: HttpRequest) -> None:
        size, self.request = self.list_per_page, request
        self.place, direction = self._find_place(request)
        ids = self._find_ids(direction, size + 1)
        shown = self._load(ids[:size])
        self.has_more, self.is_back = len(ids) > size, direction.is_back
        self.result_list = shown[::-1] if direction.is_back else shown
        # What is shown: nothing can be ticked that is not.
        self.result_count = self.full_result_count = len(shown)
        self.paginator = Paginator(self.result_list, size)
        self.multi_page = self.can_show_all = self.show_full_result_count = False
        self.show_admin_actions = True
        self._count()

    def _find_ids(self, direction: Direction, number: int) -> list[Any]:
        """Return the first rows from here on, and note where the window ends that has them.

        Without joins, so that a database has nothing to begin with but the index of the key.
        """
        rows, self.end = self._bare(self.queryset), None
        if self.place is not None:
            rows = rows.filter(direction.beyond(self.place))
        if self._looks_for_some:
            window = self._look(direction)
            self.end = window[-1] if len(window) == WINDOW else None
            looked_at = [place[-1] for place in window]
            # In no order, lest a database go by the index that has it, and not by their ids.
            met = set(rows.filter(is_one_of(self.model, looked_at)).values_list("pk", flat=True))
            return [pk for pk in looked_at if pk in met][:number]
        return list(rows.order_by(*direction.order).values_list("pk", flat=True)[:number])

    def _look(self, direction: Direction) -> list[Place]:
        """Return the places of the next rows by key, whatever else they are."""
        rows = self._bare(self.root_queryset)
        specs: list[Any] = self.filter_specs
        for spec in specs:
            if getattr(spec, "goes_by_key", False):
                rows = spec.queryset(self.request, rows)
        if self.place is not None:
            rows = rows.filter(direction.beyond(self.place))
        return list(rows.order_by(*direction.order).values_list(*self._columns)[:WINDOW])

    def _load(self, ids: list[Any]) -> list[Any]:
        """Return rows with all that they show, in this order."""
        # What the list is of need not be asked again, and must not lead to another index.
        found = self.model._base_manager.using(self.root_queryset.db)
        found = found.filter(is_one_of(self.model, ids))
        found.query.select_related = self.root_queryset.query.select_related
        rows = {row.pk: row for row in found}
        return [rows[id_] for id_ in ids if id_ in rows]

    def _bare(self, queryset: Any) -> Any:
        return queryset.select_related(None).order_by()

    @property
    def counted_in_words(self) -> str:
        """How many there are, as far as they were counted."""
        number = self.result_count if self.counted is None else self.counted
        name = self.opts.verbose_name if number == 1 else self.opts.verbose_name_plural
        text = "%(number)s %(name)s"
        if self.counted is None:
            text = ngettext("%(number)s %(name)s shown", "%(number)s %(name)s shown", number)
        elif self.is_more:
            text = gettext("more than %(number)s %(name)s")
        return text % {"number": number_format(number, force_grouping=True), "name": name}

    @property
    def looked_up_to(self) -> datetime | None:
        """Up to where was looked without filling the page; None: all was looked at that counts."""
        if self.end is None or self.has_more:
            return None
        return self.model_admin.moment_of(self.end)

    @property
    def older(self) -> str:
        """The query string of the page of older rows; "" where there is none."""
        if self.is_back:
            return self._link(BEFORE, self._place_of(-1))
        return self._link(BEFORE, self._next_place(-1))

    @property
    def newer(self) -> str:
        """The query string of the page of newer rows; "" where there is none."""
        if self.is_back:
            return self._link(AFTER, self._next_place(0))
        return self._link(AFTER, self.place and (self._place_of(0) or self.place))

    @property
    def newest(self) -> str:
        """The query string of the first page; "" on it."""
        return str(self.get_query_string()) if self.place else ""

    def _next_place(self, index: int) -> Place | None:
        """Return where it goes on in the direction of this page."""
        return self._place_of(index) if self.has_more else self.end

    def _place_of(self, index: int) -> Place | None:
        if not self.result_list:
            return None
        return tuple(getattr(self.result_list[index], name) for name in self._columns)

    @property
    def _columns(self) -> tuple[str, ...]:
        return self.model_admin.key

    def _link(self, way: str, place: Place | None) -> str:
        if place is None:
            return ""
        return str(self.get_query_string({way: self.model_admin.write_place(place)}))

    def _find_place(self, request: HttpRequest) -> tuple[Place | None, Direction]:
        for name in (BEFORE, AFTER):
            place = self.model_admin.read_place(request.GET.get(name, ""))
            if place is not None:
                return place, Direction(self._columns, is_back=name == AFTER)
        return None, Direction(self._columns)

    @property
    def _looks_for_some(self) -> bool:
        """Whether a page may have to look at many rows to find those that it shows."""
        if self.found.is_small:
            return False
        return self.found.is_broad or any(
            spec.used_parameters and not getattr(spec, "goes_by_key", False)
            for spec in self.filter_specs
        )

    def _count(self) -> None:
        """Count up to COUNTED, where counting is not looking for some."""
        self.counted: int | None = None
        self.is_more = False
        if not self._looks_for_some:
            # By the index that has their order: PostgreSQL might look up all of them in another.
            rows = self._bare(self.queryset).order_by(*Direction(self._columns).order)
            counted = rows.values("pk")[: COUNTED + 1].count()
            self.counted, self.is_more = min(counted, COUNTED), counted > COUNTED


class KeysetAdmin(ReadOnlyAdmin):
    """A list of records by key, searched by what an index finds."""

    # The columns it is ordered by, the greatest first.
    key: ClassVar[tuple[str, ...]] = ("pk",)
    search_fields: ClassVar[Any] = ("pk",)  # shows the box; `find` looks
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/jwt_sessions/keyset_list.html"
    sortable_by = ()
    list_max_show_all = 0

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return queryset, False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Refuse what no filter of ours asks: it might look at all rows."""
        return lookup in {name for each in self.list_filter for name in parameters_of(each)}

    def find(self, text: str, params: Any) -> Found:
        """Return what is found by the text in the search box, and by parameters of the address."""
        raise NotImplementedError

    def read_place(self, text: str) -> Place | None:
        """Return a place in the order that stands in an address, or None."""
        raise NotImplementedError

    def write_place(self, place: Place) -> str:
        """Return a place for an address."""
        raise NotImplementedError

    def moment_of(self, place: Place) -> datetime:
        """Return which moment a place is, for people."""
        raise NotImplementedError


def parameters_of(list_filter: Any) -> tuple[str, ...]:
    """Return which parameters of an address a filter reads."""
    if issubclass(list_filter, DaysFilter):
        return (list_filter.first_name, list_filter.last_name)
    return (list_filter.parameter_name,)
