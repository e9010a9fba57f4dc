"""How rows are read: from the database that is written to, and only with a user who is there."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from django.contrib.auth import get_user_model
from django.db import models, router
from django.db.models.sql import Query

M = TypeVar("M", bound=models.Model)


class PrimaryQuerySet(models.QuerySet[M]):
    """Reads from ``db_for_write``: a replica may not know of a revocation yet."""

    @property
    def db(self) -> str:
        """The alias this query runs on."""
        chosen: str | None = self._db  # type: ignore[attr-defined]  # not in the stubs
        hints: dict[str, Any] = self._hints  # type: ignore[attr-defined]  # not in the stubs
        return chosen or router.db_for_write(self.model, **hints)

    def with_user(self, path: str) -> Self:
        """Load the user at `path` along.

        Where the user model's default manager hides people (deleted softly, say), so do we, as
        Django's own backend does.
        """
        rows = self.select_related(path)
        users = get_user_model()._default_manager.get_queryset()
        # What a query of a class of its own hides, it may only say when it is compiled.
        hides = users.query.where or type(users.query) is not Query
        return rows.filter(**{f"{path}__in": users}) if hides else rows
