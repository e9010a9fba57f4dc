"""P8: where the database or the keys cannot be read, the pages say so, and let nobody in."""

from __future__ import annotations

import pytest
from django.db import DataError, OperationalError, connection

from jwt_sessions.exceptions import BadKey
from jwt_sessions.notices import make_link_token
from tests.factors import give_totp
from tests.visitors import address_of

pytestmark = pytest.mark.proves("P8")


@pytest.fixture
def cut():
    """Let the database answer what is asked of tables of such a name no more."""

    def away(name, error=OperationalError):
        def fail(execute, sql, *arguments):
            if name in sql:
                raise error("away")
            return execute(sql, *arguments)

        return connection.execute_wrapper(fail)

    return away


def is_unavailable(page):
    return page.status_code == 503 and page["Retry-After"] == "5" and "Traceback" not in page.text


@pytest.mark.parametrize("name", ["overview", "devices", "second_factor", "totp"])
def test_p8_a_page_that_cannot_be_shown_says_so(visitor, cut, name):
    visitor.sign_in()
    with cut("jwt_sessions_"):
        assert is_unavailable(visitor.open(name))
    assert visitor.is_in
    with cut("jwt_sessions_encryptedtotp"):
        page = visitor.open("overview")
    assert is_unavailable(page)
    assert "<h1>Not just now</h1>" in visitor.text
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize("table", ["jwt_sessions_", "django_session", "auth_"])
def test_p8_nobody_can_sign_in_meanwhile(visitor, cut, alice, table):
    table = alice._meta.db_table if table == "auth_" else table
    visitor.open("sign_in")
    with cut(table):
        visitor.submit(username=alice.get_username(), password="alice")
    assert is_unavailable(visitor.page)
    assert visitor.who == ""


def test_p8_nor_by_a_code(visitor, cut, alice):
    app = give_totp(alice)
    visitor.give_password()
    fields = visitor.elements.hidden()
    with cut("jwt_sessions_"):
        visitor.send("sign_in", **{**fields, "code": app.code()})
    assert is_unavailable(visitor.page)
    visitor.send("sign_in", **{**fields, "code": app.code()})
    assert visitor.is_in


def test_p8_keys_that_cannot_be_read_are_none(visitor, alice, monkeypatch):
    give_totp(alice)

    def fail(*arguments, **keywords):
        raise BadKey

    monkeypatch.setattr("jwt_sessions.mfa.pending_logins.mint_mfa_token", fail)
    visitor.give_password()
    assert is_unavailable(visitor.page)


def test_p8_the_link_of_a_mail_waits(visitor, phone, cut):
    link = make_link_token(phone.session)
    with cut("jwt_sessions_"):
        assert is_unavailable(visitor.open("not_me", link))
    assert visitor.page["Referrer-Policy"] == "same-origin"


def test_a_mistake_of_ours_is_no_outage(visitor, cut):
    visitor.sign_in()
    with cut("jwt_sessions_encryptedtotp", DataError), pytest.raises(DataError):
        visitor.http.get(address_of("overview"))
