"""Cookie sessions that are older than our keeping them: each is taken over, once."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.browser_sessions import visits
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.models.identifiers import least_uuid7, made_at, named_uuid7
from tests.browsers import (
    DJANGOS,
    KEY,
    OURS,
    become,
    middleware,
    session_of,
    sign_in,
    who_is,
    with_cookies_of,
)

proves = pytest.mark.proves
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.browser_urls")]

ENGINES = ["db", "cache", "cached_db", "signed_cookies"]


@pytest.fixture(params=ENGINES)
def engine(request, settings):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"


@pytest.fixture
def older(browser, alice, settings):
    """A browser that Alice signed in with before."""
    settings.MIDDLEWARE = middleware(DJANGOS)
    assert browser.login(username=alice.get_username(), password="alice")
    settings.MIDDLEWARE = middleware(OURS)
    return with_cookies_of(browser)


@pytest.mark.usefixtures("engine")
class TestWithEachEngine:
    @proves("P13")
    def test_p13_it_goes_on_as_one_session_of_ours(self, older, alice):
        assert [who_is(older), who_is(older)] == [alice.get_username()] * 2
        session = Session.objects.get()
        assert (session_of(older), session.user, session.kind) == (session, alice, "browser")
        assert (session.amr, session.device) == (["pwd"], "Firefox on Windows")

    @proves("P13")
    def test_p13_of_two_requests_at_once_one_takes_it_over(self, older, alice):
        beside = with_cookies_of(older)
        assert who_is(older) == who_is(beside) == who_is(older) == alice.get_username()
        assert Session.objects.count() == 1

    @proves("P5")
    def test_p5_one_that_was_revoked_is_over_for_good(self, older, clock):
        copies = [with_cookies_of(older) for _ in range(2)]
        who_is(older)
        sessions.revoke(Session.objects.get().pk, reason=RevokedReason.REVOKED_BY_STAFF)
        assert who_is(older) == who_is(copies[0]) == ""
        clock.shift(timedelta(days=2))
        assert who_is(copies[1]) == ""

    def test_a_session_that_we_begin_ourselves_goes_on(self, browser, alice, settings):
        settings.MIDDLEWARE = middleware(OURS)
        session = sign_in(browser, alice)
        assert who_is(browser) == alice.get_username()
        sessions.revoke(session.pk, reason=RevokedReason.REVOKED_BY_STAFF)
        assert who_is(browser) == ""


def test_nobody_knows_when_it_was_proven(older):
    who_is(older)
    assert older.session[KEY]["auth_time"] == 0


@proves("P13")
def test_p13_it_is_not_one_too_many(older, alice, phone, set_jwt):
    set_jwt(MAX_SESSIONS_PER_USER=1, SESSION_LIMIT_POLICY="refuse")
    assert who_is(older) == alice.get_username()
    assert phone.get("/api/auth/sessions/").status_code == 200


@proves("P13")
def test_p13_a_secret_key_rotated_in_the_same_release_makes_no_two_of_it(
    older, alice, settings, monkeypatch
):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next secret key, long enough as well to please the checks"
    beside, find = with_cookies_of(older), visits.get_user

    def find_after_another(request):
        monkeypatch.setattr(visits, "get_user", find)
        who_is(beside)
        return find(request)

    monkeypatch.setattr(visits, "get_user", find_after_another)
    assert who_is(older) == who_is(beside) == who_is(older) == alice.get_username()
    assert Session.objects.count() == 1


@proves("V1")
def test_a_password_changed_before_ends_it(older):
    get_user_model().objects.update(password=make_password("another"))
    assert (who_is(older), Session.objects.exists()) == ("", False)


@proves("V2")
@pytest.mark.parametrize("rule", ["tests.test_accounts.nobody_called_alice", None])
def test_who_may_not_sign_in_is_not_let_in_once_more(older, settings, set_jwt, rule):
    backend = "django.contrib.auth.backends.AllowAllUsersModelBackend"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, backend]
    set_jwt(USER_AUTHENTICATION_RULE=rule)
    get_user_model().objects.update(is_active=rule is not None)
    store = older.session
    store["_auth_user_backend"] = backend
    store.save()
    assert (who_is(older), Session.objects.exists()) == ("", False)


@proves("P7")
@pytest.mark.django_db(transaction=True)
def test_p7_a_user_deleted_meanwhile_is_no_error(older, alice, monkeypatch):
    find = visits.get_user

    def find_and_delete(request):
        user = find(request)
        get_user_model().objects.filter(pk=user.pk).delete()
        return user

    monkeypatch.setattr(visits, "get_user", find_and_delete)
    assert (who_is(older), Session.objects.exists()) == ("", False)


def test_one_of_a_login_without_a_password_has_proven_none(browser, alice, settings):
    settings.MIDDLEWARE = middleware(DJANGOS)
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.RemoteUserBackend"]
    become(browser, alice)
    settings.MIDDLEWARE = middleware(OURS)
    who_is(with_cookies_of(browser))
    assert Session.objects.get().amr == []


class TestNamedIds:
    def test_a_name_has_one_id_in_a_millisecond_and_others_have_another(self):
        now = timezone.now()
        assert named_uuid7(now, "a") == named_uuid7(now, "a") != named_uuid7(now, "b")
        assert named_uuid7(now, "a") != named_uuid7(now + timedelta(hours=1), "a")

    def test_it_is_an_id_of_its_time_like_any_other(self):
        now = timezone.now()
        id_ = named_uuid7(now, str(uuid4()))
        assert (made_at(id_), id_.version, id_.variant) == (now, 7, uuid4().variant)
        assert least_uuid7(now) <= id_ < least_uuid7(now + timedelta(milliseconds=1))
