"""Reading from the database that is written to."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models, router

M = TypeVar("M", bound=models.Model)


class PrimaryQuerySet(models.QuerySet[M]):
    """Reads from ``db_for_write``: a replica may not know of a revocation yet."""

    @property
    def db(self) -> str:
        """The alias this query runs on."""
        chosen: str | None = self._db  # type: ignore[attr-defined]  # not in the stubs
        hints: dict[str, Any] = self._hints  # type: ignore[attr-defined]  # not in the stubs
        return chosen or router.db_for_write(self.model, **hints)
