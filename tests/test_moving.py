"""A site that moves to another database takes its sessions along."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from jwt_sessions.models import RefreshToken, Session


@pytest.mark.proves("P13")
def test_p13_who_was_signed_in_before_dumpdata_is_so_after_loaddata(phone, laptop, alice, tmp_path):
    assert laptop.post("logout/").status_code == 204
    dump = tmp_path / "all.json"
    call_command("dumpdata", alice._meta.app_label, "auth", "jwt_sessions", output=str(dump))
    for model in (RefreshToken, Session, get_user_model()):
        rows = model._base_manager.all()
        rows._raw_delete(rows.db)
    assert phone.call_protected().status_code == 401
    call_command("loaddata", str(dump), verbosity=0)
    assert phone.call_protected().status_code == 200
    assert phone.refresh().status_code == 200
    assert laptop.call_protected().status_code == laptop.refresh().status_code == 401
