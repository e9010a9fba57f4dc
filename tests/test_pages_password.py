"""The page to change the password at."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from jwt_sessions.pages import passwords
from tests.factors import give_totp
from tests.visitors import Visitor, address_of

proves = pytest.mark.proves

NEW = "correct-horse-battery"


@pytest.fixture
def signed_in(visitor):
    """Alice, who has just signed in."""
    return visitor.sign_in()


def change(visitor, old="alice", new=NEW, again=None):
    body = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return visitor.send("password", **body)


def has(user, password):
    return get_user_model().objects.get(pk=user.pk).check_password(password)


@proves("V1")
def test_v1_this_browser_stays_and_all_else_ends(signed_in, other_browser, phone):
    other_browser.sign_in()
    sid = signed_in.sid
    change(signed_in)
    assert signed_in.leads_to == address_of("overview")
    signed_in.follow()
    assert "Your password is changed. All your other devices are signed out." in signed_in.text
    assert has(signed_in.user, NEW)
    assert (signed_in.is_in, other_browser.who, signed_in.sid) == (True, "", sid)
    assert phone.call_protected().status_code == 401
    assert phone.session.revoked_reason == RevokedReason.PASSWORD_CHANGED


@proves("V5")
def test_v5_the_key_of_the_session_changes(signed_in):
    before = signed_in.key
    change(signed_in)
    assert signed_in.key != before
    thief = Visitor(signed_in.user)
    thief.http.cookies["sessionid"] = before
    assert thief.who == ""


def test_another_browser_of_the_old_password_stays_out(signed_in, other_browser):
    change(signed_in)
    other_browser.give_password(password="alice")
    assert not other_browser.is_in
    other_browser.give_password(password=NEW)
    assert other_browser.is_in


def test_a_wrong_old_one_changes_nothing(signed_in):
    change(signed_in, old="wrong")
    assert "Your old password was entered incorrectly." in signed_in.text
    assert "wrong" not in [attrs.get("value") for _, attrs in signed_in.elements.found]
    assert has(signed_in.user, "alice")


@proves("P10")
def test_p10_tries_at_the_old_one_run_out(signed_in, set_jwt):
    set_jwt(THROTTLE_RATES={"sign_in": "2/min"})
    for _ in range(2):
        change(signed_in, old="wrong")
    change(signed_in)
    assert (signed_in.page.status_code, signed_in.page["Retry-After"]) == (429, "60")
    assert "Too many tries." in signed_in.text
    assert has(signed_in.user, "alice")


def test_a_weak_new_one_is_no_try_at_the_old_one(signed_in, settings, set_jwt):
    validator = "django.contrib.auth.password_validation.MinimumLengthValidator"
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": validator}]
    set_jwt(THROTTLE_RATES={"sign_in": "1/min"})
    for _ in range(3):
        change(signed_in, new="short")
        assert "This password is too short." in signed_in.text
    change(signed_in, again="something else")
    assert "errorlist" in signed_in.text
    assert has(signed_in.user, "alice")
    change(signed_in)
    assert has(signed_in.user, NEW)


@proves("P9")
def test_p9_who_has_a_second_factor_needs_it(signed_in, alice):
    app = give_totp(alice)
    assert change(signed_in)["Location"].startswith(address_of("confirm"))
    assert has(alice, "alice")
    signed_in.open("password")
    signed_in.follow()
    signed_in.submit(code=app.code())
    assert signed_in.leads_to == address_of("password")
    change(signed_in)
    assert has(alice, NEW)
    assert signed_in.session.amr == ["pwd", "otp", "mfa"]


def test_who_has_no_password_has_no_such_page(with_pages, alice):
    alice.set_unusable_password()
    alice.save()
    visitor = Visitor(alice)
    visitor.http.post("/become/", {"username": alice.get_username()})
    assert visitor.open("password").status_code == 404
    assert change(visitor).status_code == 404
    visitor.open("overview")
    assert address_of("password") not in visitor.text


@proves("P13")
def test_p13_to_prove_the_old_one_ends_no_session(with_pages, alice, settings, phone):
    settings.PASSWORD_HASHERS = ["tests.test_accounts.WeakerHasher"]
    alice.set_password("alice")
    alice.save()
    visitor, other = Visitor(alice).sign_in(), Visitor(alice).sign_in()
    settings.PASSWORD_HASHERS = ["tests.test_accounts.StrongerHasher"]
    change(visitor, again="something else")
    assert (visitor.is_in, other.is_in) == (True, True)


def test_a_session_that_ends_meanwhile_changes_nothing(signed_in, monkeypatch):
    do = passwords.change_password

    def end_and_change(visit, form):
        sessions.revoke(visit.session.pk, reason=RevokedReason.SIGNED_OUT_REMOTELY)
        return do(visit, form)

    monkeypatch.setattr(passwords, "change_password", end_and_change)
    assert change(signed_in)["Location"] == address_of("sign_in")
    assert has(signed_in.user, "alice")
    assert signed_in.who == ""
