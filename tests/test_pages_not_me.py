"""The page that the mail about a new device leads to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from jwt_sessions.notices import make_link_token
from tests.factors import give_totp
from tests.visitors import Visitor

OVER = "There is nothing left to sign out"


@pytest.fixture
def link(phone):
    """The link about Alice's phone."""
    return make_link_token(phone.session)


@pytest.fixture(params=["nobody", "herself", "half way", "somebody else"])
def reader(request, with_pages, link, alice, bob):
    """Whoever opens the link."""
    visitor = Visitor(alice)
    if request.param == "herself":
        visitor.sign_in()
    if request.param == "half way":
        give_totp(alice)
        visitor.http.post("/become/", {"username": alice.get_username()})
    if request.param == "somebody else":
        visitor.sign_in(bob)
    return visitor


def test_it_asks_first_and_ends_that_one_session(reader, phone, link):
    before = reader.who
    reader.open("not_me", link)
    assert "Firefox on Windows" in reader.text
    assert phone.call_protected().status_code == 200
    reader.submit()
    assert "<h1>That device is signed out</h1>" in reader.text
    assert phone.call_protected().status_code == 401
    assert phone.session.revoked_reason == RevokedReason.SIGNED_OUT_REMOTELY
    assert reader.who == before


def test_other_devices_stay_signed_in(visitor, laptop, link):
    visitor.open("not_me", link)
    visitor.submit()
    assert laptop.call_protected().status_code == 200


def test_it_signs_nobody_in(visitor, link):
    visitor.open("not_me", link)
    visitor.submit()
    assert "_auth_user_id" not in visitor.http.session
    assert visitor.who == ""


def answers_of(visitor, token):
    """What the link shows, and what sending its form shows."""
    for send in (visitor.open, visitor.send):
        page = send("not_me", token)
        assert page.status_code == 200
        yield visitor.text


def test_it_works_once(reader, link):
    reader.send("not_me", link)
    assert all(f"<h1>{OVER}</h1>" in text for text in answers_of(reader, link))


@pytest.mark.parametrize(
    "token", ["x", "a:b:c", "x" * 5000, "\x00", "ü", "\u202e", "%ff"], ids=range(7)
)
def test_what_is_no_link_says_the_same(reader, phone, link, token):
    reader.send("not_me", link)
    assert set(answers_of(reader, token)) == set(answers_of(reader, link))


@pytest.mark.parametrize("why", ["too old", "signed out", "another key"])
def test_a_link_that_is_over_says_the_same(visitor, phone, link, clock, settings, why):
    if why == "too old":
        clock.shift(timedelta(days=7, seconds=1))
    if why == "signed out":
        sessions.revoke(phone.sid, reason=RevokedReason.SIGNED_OUT)
    if why == "another key":
        settings.SECRET_KEY = "another" * 10
    assert set(answers_of(visitor, link)) == set(answers_of(visitor, "x"))
    reason = phone.session.revoked_reason
    assert reason == (RevokedReason.SIGNED_OUT if why == "signed out" else "")


def test_the_link_is_told_to_nobody(visitor, link):
    assert visitor.open("not_me", link)["Referrer-Policy"] == "same-origin"
    assert "no-store" in visitor.page["Cache-Control"]


def test_it_leads_to_another_password(visitor, link):
    visitor.open("not_me", link)
    visitor.submit()
    assert 'href="/account/password/"' in visitor.text
    assert "knew your password" in visitor.text


def test_of_a_browser_it_ends_the_very_one_that_opens_it(visitor):
    visitor.sign_in()
    link = make_link_token(visitor.session)
    visitor.send("not_me", link)
    assert "<h1>That device is signed out</h1>" in visitor.text
    assert visitor.who == ""
