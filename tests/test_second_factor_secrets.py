"""No secret and no code of a second factor stands in the database or in a log."""

from __future__ import annotations

import base64
import logging
import re

import pytest
from django.db import connection

from jwt_sessions.models import EncryptedTOTP, SecurityEvent
from tests.authenticators import ask_for_code, enroll, enter, send
from tests.inboxes import add_address
from tests.people import Device

pytestmark = [pytest.mark.proves("M3", "M5")]


class Secrets:
    """What must stand nowhere: secrets in any spelling, anywhere; codes as words of their own."""

    def __init__(self):
        self.texts, self.codes = set(), set()

    def add_secret(self, secret):
        base32 = base64.b32encode(secret).decode()
        grouped = " ".join(base32[at : at + 4] for at in range(0, len(base32), 4))
        encoded = [base64.b64encode(secret), base64.urlsafe_b64encode(secret)]
        spellings = [secret.hex(), base32, grouped, secret.decode("latin-1"), repr(secret)[2:-1]]
        spellings += [text.decode().rstrip("=") for text in encoded]
        self.texts |= {text.lower() for text in spellings}

    def add_recovery_code(self, code):
        plain = code.replace("-", "")
        self.texts |= {code.lower(), code[2:].lower(), plain.lower(), plain[1:].lower()}

    def add_code(self, code):
        self.codes.add(code)

    def found_in(self, text):
        """Return which of them a text has."""
        lower = text.lower()
        codes = {code for code in self.codes if has_code(text, code)}
        return codes | {one for one in self.texts if one in lower}


def has_code(text, code):
    """Six digits of a longer number or word are no code, but a coincidence."""
    return re.search(rf"(?<![A-Za-z0-9]){code[:3]}[ -]?{code[3:]}(?![A-Za-z0-9])", text)


def all_columns():
    """Yield the name and the values of each column of each table, as text."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = cursor.fetchall()
            for number, column in enumerate(cursor.description):
                yield f"{table}.{column[0]}", [as_text(row[number]) for row in rows]


def as_text(value):
    is_binary = isinstance(value, bytes | memoryview)
    # A moment's fractions of a second are six digits too.
    return bytes(value).decode("latin-1") if is_binary else re.sub(r"\.[0-9]{6}\b", "", str(value))


@pytest.fixture
def inboxes(mailbox, telephone):
    return {"email": mailbox, "sms": telephone}


@pytest.fixture
def live_through(phone, inboxes, clock, committed):
    """Live a whole life with a second factor, and return all secrets of it."""

    def live_and_commit():
        secrets = Secrets()
        with committed():
            live(secrets, phone, inboxes, clock)
        return secrets

    return live_and_commit


def live(secrets, phone, inboxes, clock):
    """Enroll everything, sign in by each, fail at each, step up, renew, be locked out."""
    alice = phone.session.user
    app = enroll(phone, name="My phone")
    secrets.add_secret(EncryptedTOTP.objects.get().secret)
    secrets.add_code(app.code())
    for inbox in inboxes.values():
        add_address(phone, inbox)
        secrets.add_code(inbox.code())
    clock.shift(60)

    def sign_in_by(code, **body):
        device = Device()
        return enter(device, ask_for_code(device, alice), code, **body).status_code

    secrets.add_code(app.code())
    assert sign_in_by(app.code()) == 200
    assert sign_in_by(app.code(), method="totp") == 401
    assert sign_in_by(app.wrong_code()) == 401
    for channel, inbox in inboxes.items():
        inbox.fail()
        assert send(phone, ask_for_code(Device(), alice), channel).status_code == 503
        inbox.recover()
        assert send(phone, ask_for_code(Device(), alice), channel).status_code == 204
        secrets.add_code(inbox.code())
        assert sign_in_by(inbox.code(), method=channel) == 200
        assert sign_in_by(inbox.code(), method=channel) == 401
    for code in app.recovery_codes:
        secrets.add_recovery_code(code)
    used, *_, misspelt = app.recovery_codes
    assert sign_in_by(used.lower().replace("-", " ")) == 200
    assert sign_in_by(used) == 401
    assert sign_in_by(misspelt[:-1] + ("0" if misspelt[-1] != "0" else "1")) == 401
    clock.shift(60)
    step_up(secrets, phone, app, inboxes["email"])
    for code in phone.post("mfa/recovery-codes/").json()["recovery_codes"]:
        secrets.add_recovery_code(code)
    lock(phone, app)
    begun = phone.post("mfa/totp/", {}).json()
    secrets.add_secret(EncryptedTOTP.objects.get(confirmed=False).secret)
    assert begun["secret"].replace(" ", "").lower() in secrets.texts


def step_up(secrets, phone, app, mailbox):
    secrets.add_code(app.code())
    assert phone.post("token/step-up/", {"code": app.code()}).status_code == 200
    assert phone.post("token/step-up/send/", {"method": "email"}).status_code == 204
    secrets.add_code(mailbox.code())
    proven = phone.post("token/step-up/", {"code": mailbox.code(), "method": "email"})
    phone.access = proven.json()["access"]


def lock(phone, app):
    for _ in range(10):
        assert phone.post("token/step-up/", {"code": app.wrong_code()}).status_code == 401
    assert SecurityEvent.objects.filter(kind="too_many_wrong_codes").exists()


def test_no_column_of_any_table_has_a_secret_or_code(live_through):
    secrets = live_through()
    columns = dict(all_columns())
    found = {name: secrets.found_in("\n".join(values)) for name, values in columns.items()}
    assert "jwt_sessions_encryptedtotp.encrypted_secret" in found
    assert {name: words for name, words in found.items() if words} == {}


def test_no_log_has_a_secret_or_code(live_through, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = live_through()
    assert "a code cannot be sent by sms" in caplog.text
    assert "refused, tried as" in caplog.text
    written = [record.getMessage() + repr(record.args) for record in caplog.records]
    assert secrets.found_in("\n".join([caplog.text, *written])) == set()


@pytest.mark.once
def test_what_looks_for_secrets_finds_them():
    secrets = Secrets()
    secrets.add_secret(b"twenty bytes of them")
    secrets.add_recovery_code("3-7KQFM-2XW9T-CA4RB")
    secrets.add_code("123456")
    hay = ["7kqfm2xw9tca4rb", "OR3WK3TUPEQGE6LUMVZSA33GEB2GQZLN", "'123456'", "123 456"]
    assert all(secrets.found_in(text) for text in hay)
    assert not secrets.found_in("1123456 0.12345678 1234567")
