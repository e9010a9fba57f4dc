"""Views outside of the request's transaction."""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction


def in_autocommit(view: Any) -> Any:
    """Exempt `view` from ATOMIC_REQUESTS on every database, not on the default one alone.

    What a refusal decided stays decided then, and what needs no database does not wait for one.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
