"""Somebody whose row is read when more is asked than who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models.base import ModelState
from django.utils.functional import SimpleLazyObject, empty

from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from collections.abc import Callable

# What Django asks of every value that is looked for in a query, and no person has.
OF_NO_PERSON: Final = frozenset({"resolve_expression", "get_source_expressions", "filterable"})


class LazyUser(SimpleLazyObject):  # type: ignore[type-arg]  # a class without arguments, when it runs
    """The user of a live session: as ``request.user`` of Django's is, read when it is touched.

    `pk`, `is_authenticated` and `is_anonymous` answer without; and it can be looked for in a query
    (``filter(owner=user)``), stored in a foreign key, compared (``row.owner == user``) and taken
    for true. `find` is called when it is first touched; what it raises, the touch raises.
    """

    def __init__(self, find: Callable[[], Any], **known: Any) -> None:
        super().__init__(find)
        model = get_user_model()
        facts = {**known, "is_authenticated": True, "is_anonymous": False, "_meta": model._meta}
        if known:
            # What Django asks of who is looked for in a query, or referred to by a row.
            facts |= {"_state": _state_of_stored(model), "_is_pk_set": lambda: True}
        # Past LazyObject.__setattr__, which would read the row.
        self.__dict__.update(facts, _model=model, _facts=tuple(facts))

    def _setup(self) -> None:
        super()._setup()  # type: ignore[misc]  # not in the stubs
        # From now on the row says it all.
        for name in self.__dict__["_facts"]:
            del self.__dict__[name]
        self.__dict__["_facts"] = ()

    def __getattr__(self, name: str) -> Any:
        if name in OF_NO_PERSON:
            raise AttributeError(name)
        return super().__getattr__(name)

    @property
    def _is_untouched(self) -> bool:
        return self.__dict__["_wrapped"] is empty

    @property  # type: ignore[misc]  # what isinstance() goes by, as in SimpleLazyObject
    def __class__(self) -> Any:
        model: Any = self.__dict__["_model"]
        return model if self._is_untouched else self._wrapped.__class__

    def __bool__(self) -> bool:
        model: Any = self.__dict__["_model"]
        if self._is_untouched and not (hasattr(model, "__bool__") or hasattr(model, "__len__")):
            return True
        if self._is_untouched:
            self._setup()
        return bool(self._wrapped)


def _state_of_stored(model: Any) -> ModelState:
    state = ModelState()
    state.adding, state.db = False, router.db_for_write(model)
    return state


def known_from(sub: str) -> dict[str, Any]:
    """Return what a good token's `sub` alone tells of its user: the primary key, if it is that.

    Raises ``ValueError`` where no primary key is spelled like this.
    """
    key: Any = get_user_model()._meta.pk
    if conf.USER_ID_FIELD not in {"pk", key.name, key.attname}:
        return {}
    try:
        pk = key.to_python(sub)
    except ValidationError as error:
        raise ValueError(sub) from error
    if str(pk) != sub:
        raise ValueError(sub)
    known = {"pk": pk, key.attname: pk}
    while key.remote_field is not None:  # that of a child is the one of its parent
        key = key.target_field
        known[key.attname] = pk
    return known
