from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection


def test_models_and_migrations_agree(db):
    call_command("makemigrations", "jwt_sessions", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_migrations_go_back_and_forth():
    ours = {"jwt_sessions_session", "jwt_sessions_refreshtoken", "jwt_sessions_securityevent"}
    assert ours <= set(connection.introspection.table_names())
    call_command("migrate", "jwt_sessions", "zero", verbosity=0)
    assert not ours & set(connection.introspection.table_names())
    call_command("migrate", "jwt_sessions", verbosity=0)
    assert ours <= set(connection.introspection.table_names())
