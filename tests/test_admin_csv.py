"""The sessions of a bulk revocation as CSV: complete, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry

from jwt_sessions.admin.bulk import exporting
from jwt_sessions.admin.bulk.exporting import make_harmless
from jwt_sessions.models import BulkRevocation, Session
from tests.operators import page, sign_in, staff

proves = pytest.mark.proves


@pytest.fixture
def archivist(db):
    """Staff who may see records and sessions, and revoke nothing."""
    return staff("archivist", "view_bulkrevocation", "view_session")


@pytest.fixture
def record(archivist):
    return BulkRevocation.objects.create(reason="breach", by=archivist.user)


def revoke(record):
    Session.objects.all().revoke(reason="revoked_by_staff", bulk_revocation=record)


def download(client, record):
    return client.get(page("csv", record.pk))


def rows_of(response):
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(StringIO(text, newline="")))


def test_each_session_that_was_revoked_is_a_row(archivist, record, alice, bob):
    session, other = sign_in(alice), sign_in(bob)
    revoke(record)
    sign_in(alice)
    rows = {row["session id"]: row for row in rows_of(download(archivist, record))}
    assert rows.keys() == {str(session.pk), str(other.pk)}
    row = rows[str(session.pk)]
    assert row["user id"] == str(alice.pk)
    assert row["user name"] == alice.get_username()
    assert row["signed in at"] == "2026-11-23 12:00:00+00:00"
    assert row["revoked at"] == "2026-11-23 12:00:00+00:00"


def test_it_is_a_file_with_a_date_that_nobody_keeps(archivist, record):
    response = download(archivist, record)
    assert response["content-type"] == "text/csv; charset=utf-8"
    name = f"bulk-revocation-{record.pk}-2026-11-23.csv"
    assert response["content-disposition"] == f'attachment; filename="{name}"'
    assert "no-store" in response["cache-control"]
    assert response["x-content-type-options"] == "nosniff"


@proves("A4")
@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "＝1", "=cmd|' /C calc'!A0"],
)
def test_a4_no_cell_is_a_formula(text):
    assert make_harmless(text) == f"'{text}"


@proves("A4")
def test_a4_what_people_and_clients_call_things_is_harmless(archivist, record, alice):
    sign_in(alice, device_name='=HYPERLINK("https://evil.example";"x")')
    Session.objects.update(user_agent='@x,"\r\n=1,"', browser="<script>", platform="-2+3")
    revoke(record)
    (row,) = rows_of(download(archivist, record))
    assert row["device name"] == '\'=HYPERLINK("https://evil.example";"x")'
    assert row["user agent"] == '\'@x,"\r\n=1,"'
    assert row["platform"] == "'-2+3"
    assert row["browser"] == "<script>"


def test_no_secret_is_in_it(archivist, record, alice):
    session = sign_in(alice)
    revoke(record)
    (row,) = rows_of(download(archivist, record))
    assert session.auth_hash not in row.values()
    assert set(row) == set(exporting.COLUMNS)


def test_a_session_of_a_deleted_person_is_a_row_too(archivist, record, alice):
    sign_in(alice)
    revoke(record)
    alice.delete()
    (row,) = rows_of(download(archivist, record))
    assert (row["user id"], row["user name"]) == ("", "")


def test_many_are_read_some_at_a_time(
    archivist, record, alice, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(exporting, "CHUNK", 2)
    sign_in(alice, 5)
    revoke(record)
    with django_assert_num_queries(4):
        rows = list(exporting.rows_of(record))
    assert len({row[0] for row in rows}) == 5


def test_a_download_is_logged(archivist, record):
    download(archivist, record)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (archivist.user, str(record.pk))
    assert entry.get_change_message() == "Downloaded the list of sessions."
