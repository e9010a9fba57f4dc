"""How commands find people, and how they write what people have called themselves."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import router


def find_user(username: str) -> Any:
    """Return whom the user model's USERNAME_FIELD calls `username`."""
    model = get_user_model()
    users = model._base_manager.using(router.db_for_write(model))
    user = users.filter(**{model.USERNAME_FIELD: username}).first()
    if user is None:
        raise CommandError(f"There is nobody called {quote(username)}.")
    return user


def quote(name: str) -> str:
    """Return a name on one line, whatever is in it."""
    return json.dumps(name)
