"""Django's cookie sessions as sessions of ours: seen, ended, judged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, RevokedReason, Session
from jwt_sessions.sessions import seeing
from tests.browsers import (
    DJANGOS,
    KEY,
    become,
    middleware,
    open_browser,
    rewrite,
    session_of,
    sign_in,
    who_is,
    with_cookies_of,
)
from tests.people import Device, credentials, make_user

proves = pytest.mark.proves
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.browser_urls"),
    pytest.mark.usefixtures("switched_on"),
]


def reason_of(session):
    return Session.objects.get(pk=session.pk).revoked_reason


def revoke(session):
    sessions.revoke(session.pk, reason=RevokedReason.REVOKED_BY_STAFF)


def seen(session):
    return RefreshToken.objects.get(pk=session.pk).last_seen_at


def test_a_login_by_djangos_own_page_starts_a_session(browser, alice):
    session = sign_in(browser, alice)
    assert (session.kind, session.user, session.amr) == ("browser", alice, ["pwd"])
    assert (session.device, session.address) == ("Firefox on Windows", "127.0.0.1")


@proves("P1")
@pytest.mark.parametrize("path", ["/whoami/", "/whoami-async/", "/whoami-rest/"])
def test_a_revoked_session_is_refused_on_the_next_request(browser, alice, path):
    session = sign_in(browser, alice)
    assert alice.get_username() in browser.get(path).content.decode()
    revoke(session)
    assert alice.get_username() not in browser.get(path).content.decode()
    assert SESSION_KEY not in browser.session


@proves("P12")
def test_a_page_costs_the_queries_that_django_asks(browser, alice, django_assert_num_queries):
    sign_in(browser, alice)
    with django_assert_num_queries(2):
        browser.get("/whoami/")
    with django_assert_num_queries(0):
        browser.get("/public/")


@proves("P12")
def test_who_asks_in_both_ways_costs_no_query_more(browser, alice, django_assert_num_queries):
    sign_in(browser, alice)
    with django_assert_num_queries(2):
        answer = browser.get("/whoami-both/").content.decode()
    assert answer == f"{alice.get_username()} {alice.get_username()}"


@proves("P12")
def test_a_login_and_a_logout_cost_fixed_numbers_of_queries(
    browser, alice, bob, django_assert_max_num_queries
):
    for _ in range(3):
        sign_in(open_browser(), alice)
    # Django's: the user, the key of the session twice, last_login, the session. Ours: two inserts,
    # and whether they are stored still. Around each write, what makes it whole.
    with django_assert_max_num_queries(22):
        sign_in(browser, alice)
    with django_assert_max_num_queries(6):
        browser.post("/logout/")


class TestSeen:
    def test_it_is_seen_every_five_minutes_at_most(self, browser, alice, clock):
        session = sign_in(browser, alice)
        started = session.refresh_token.last_seen_at
        clock.shift(299)
        who_is(browser)
        assert seen(session) == started
        clock.shift(1)
        who_is(browser)
        assert seen(session) == started + timedelta(minutes=5)

    def test_with_the_address_it_came_from(self, browser, alice, clock):
        session = sign_in(browser, alice)
        clock.shift(300)
        browser.get("/whoami/", REMOTE_ADDR="203.0.113.9")
        assert session_of(browser).refresh_token.address == "203.0.113.9"
        assert session.address == "127.0.0.1"

    def test_an_address_that_nobody_knows_leaves_the_last_one_alone(self, browser, alice, clock):
        sign_in(browser, alice)
        clock.shift(300)
        browser.get("/whoami/", REMOTE_ADDR="")
        assert session_of(browser).refresh_token.address == "127.0.0.1"

    def test_a_page_that_asks_for_nobody_sees_nobody(self, browser, alice, clock):
        session = sign_in(browser, alice)
        clock.shift(300)
        browser.get("/public/")
        assert seen(session) == session.created_at

    def test_of_two_requests_at_once_one_writes(self, browser, alice, clock, rf):
        row = sign_in(browser, alice).refresh_token
        clock.shift(300)
        request, idle = rf.get("/"), timedelta(hours=1)
        found = [sessions.see(row, idle=idle, request=request) for _ in range(2)]
        assert found == [True, False]

    @proves("P5")
    def test_p5_a_revocation_between_reading_and_seeing_stays(self, browser, alice, clock, rf):
        session = sign_in(browser, alice)
        clock.shift(300)
        revoke(session)
        assert not sessions.see(session.refresh_token, idle=timedelta(1), request=rf.get("/"))
        assert reason_of(session) == RevokedReason.REVOKED_BY_STAFF
        assert seen(session) == session.created_at


class TestEnds:
    def test_it_ends_where_it_lies_unused_as_long_as_django_keeps_it(self, browser, alice, clock):
        session = sign_in(browser, alice)
        age = timedelta(weeks=2) + seeing.SEEN_FOR
        assert session.refresh_token.idle_expires_at == timezone.now() + age

    def test_one_that_lay_unused_too_long_is_over(self, browser, alice, clock):
        sign_in(browser, alice)
        RefreshToken.objects.update(idle_expires_at=timezone.now() + timedelta(minutes=10))
        clock.shift(600)
        assert who_is(browser) == ""
        assert KEY not in browser.session

    def test_use_prolongs_it(self, browser, alice, clock):
        session = sign_in(browser, alice)
        RefreshToken.objects.update(idle_expires_at=timezone.now() + timedelta(minutes=10))
        clock.shift(599)
        assert who_is(browser) == alice.get_username()
        clock.shift(timedelta(days=1))
        assert who_is(browser) == alice.get_username()
        assert seen(session) == timezone.now()

    def test_nothing_prolongs_it_beyond_its_absolute_end(self, browser, alice, clock, set_jwt):
        set_jwt(SESSION_LIFETIME=timedelta(hours=1))
        session = sign_in(browser, alice)
        clock.shift(3599)
        assert who_is(browser) == alice.get_username()
        assert session_of(browser).refresh_token.idle_expires_at == session.expires_at
        clock.shift(1)
        assert who_is(browser) == ""

    def test_sign_out_everywhere_ends_browsers_and_apps_alike(self, browser, alice, phone):
        sign_in(browser, alice)
        assert sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT_REMOTELY) == 2
        assert (who_is(browser), phone.get("/api/auth/sessions/").status_code) == ("", 401)

    def test_an_app_lists_and_ends_a_browsers_session(self, browser, alice, phone):
        session = sign_in(browser, alice)
        assert str(session.pk) in {each["id"] for each in phone.list_sessions()}
        phone.delete(f"sessions/{session.pk}/")
        assert who_is(browser) == ""


class TestPassword:
    @proves("V1")
    def test_one_changed_elsewhere_ends_it(self, browser, alice):
        session = sign_in(browser, alice)
        alice.set_password("another")
        alice.save()
        assert reason_of(session) == RevokedReason.PASSWORD_CHANGED
        assert who_is(browser) == ""

    @proves("V1")
    def test_one_changed_behind_our_back_ends_it_and_that_is_recorded(self, browser, alice):
        session = sign_in(browser, alice)
        get_user_model().objects.update(password=make_password("another"))
        assert (reason_of(session), who_is(browser)) == ("", "")
        assert reason_of(session) == RevokedReason.PASSWORD_CHANGED

    @proves("V1")
    def test_a_login_in_the_request_that_finds_out_is_not_ended_for_it(self, browser, alice):
        session = sign_in(browser, alice)
        get_user_model().objects.update(password=make_password("another"))
        body = {"username": alice.get_username(), "password": "another"}
        browser.post("/login-unless-signed-in/", body)
        assert who_is(browser) == alice.get_username()
        assert reason_of(session) != ""

    @pytest.mark.parametrize("path", ["/change-password/", "/change-password-of-a-copy/"])
    def test_the_browser_that_changed_it_stays_and_all_others_go(self, browser, alice, phone, path):
        other = open_browser()
        former = sign_in(other, alice), sign_in(browser, alice)
        sessions.rename(former[1].pk, user=alice, device_name="My laptop")
        browser.post(path, {"password": "another"})
        assert (who_is(browser), who_is(other)) == (alice.get_username(), "")
        assert phone.get("/api/auth/sessions/").status_code == 401
        assert {reason_of(each) for each in former} == {RevokedReason.PASSWORD_CHANGED}
        assert session_of(browser).device_name == "My laptop"

    def test_that_is_no_fresh_proof(self, browser, alice, clock):
        sign_in(browser, alice)
        before = browser.session[KEY]["auth_time"]
        clock.shift(60)
        browser.post("/change-password/", {"password": "another"})
        assert browser.session[KEY]["auth_time"] == before

    @proves("P5")
    def test_p5_it_does_not_outlive_a_revocation_meanwhile(self, browser, alice, monkeypatch):
        session = sign_in(browser, alice)
        save = get_user_model().save

        def revoke_and_save(user, **options):
            revoke(session)
            save(user, **options)

        monkeypatch.setattr(get_user_model(), "save", revoke_and_save)
        browser.post("/change-password/", {"password": "another"})
        assert who_is(browser) == ""
        assert not Session.objects.live().exists()

    @proves("P7")
    def test_an_account_closed_in_the_same_request_is_no_error(self, browser, alice):
        sign_in(browser, alice)
        assert browser.post("/close-account/").status_code == 200
        assert who_is(browser) == ""


class TestUpgrade:
    @proves("P13")
    def test_p13_a_hash_upgraded_by_an_app_ends_no_browser_session(self, browser, settings, db):
        settings.PASSWORD_HASHERS = ["tests.test_accounts.WeakerHasher"]
        carol = make_user("carol")
        sign_in(browser, carol)
        settings.PASSWORD_HASHERS = ["tests.test_accounts.StrongerHasher"]
        Device().sign_in(carol)
        assert [who_is(browser), who_is(browser)] == [carol.get_username()] * 2

    @proves("P13")
    def test_p13_a_rotated_secret_key_signs_nobody_out_nor_does_dropping_it(
        self, browser, alice, settings
    ):
        session = sign_in(browser, alice)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "the next secret key, long enough as well to please the checks"
        assert who_is(browser) == alice.get_username()
        settings.SECRET_KEY_FALLBACKS = []
        assert who_is(browser) == alice.get_username()
        assert session_of(browser) == session

    def test_p13_the_key_of_the_session_stays_for_requests_beside(self, browser, alice, settings):
        sign_in(browser, alice)
        before = browser.session.session_key
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "the next secret key, long enough as well to please the checks"
        who_is(browser)
        assert browser.session.session_key == before


class BackendOfItsOwn(ModelBackend):
    """Finds nobody called bob."""

    def get_user(self, user_id):
        user = super().get_user(user_id)
        return None if user is None or user.get_username().startswith("bob") else user


class TestJudged:
    @proves("V2")
    def test_an_inactive_user_is_out_and_that_is_recorded(self, browser, alice):
        session = sign_in(browser, alice)
        get_user_model().objects.update(is_active=False)
        assert who_is(browser) == ""
        assert reason_of(session) == RevokedReason.USER_DEACTIVATED

    @proves("V2")
    def test_a_deleted_user_is_out(self, browser, alice):
        session = sign_in(browser, alice)
        alice.delete()
        assert who_is(browser) == ""
        assert reason_of(session) == RevokedReason.USER_DELETED

    @proves("V2")
    def test_who_breaks_the_projects_rule_is_out_and_that_is_recorded(
        self, browser, alice, set_jwt
    ):
        session = sign_in(browser, alice)
        set_jwt(USER_AUTHENTICATION_RULE="tests.test_accounts.nobody_called_alice")
        assert who_is(browser) == ""
        assert reason_of(session) == RevokedReason.USER_DEACTIVATED

    def test_a_backend_that_is_gone_lets_nobody_in_until_it_is_back(self, browser, alice, settings):
        sign_in(browser, alice)
        before = settings.AUTHENTICATION_BACKENDS
        settings.AUTHENTICATION_BACKENDS = ["tests.test_browser_sessions.BackendOfItsOwn"]
        assert who_is(browser) == ""
        settings.AUTHENTICATION_BACKENDS = before
        assert who_is(browser) == alice.get_username()

    def test_a_backend_finds_users_in_its_own_way(self, browser, alice, bob, settings):
        settings.AUTHENTICATION_BACKENDS = ["tests.test_browser_sessions.BackendOfItsOwn"]
        other = open_browser()
        assert sign_in(browser, alice).amr == sign_in(other, bob).amr == ["pwd"]
        assert [who_is(browser), who_is(other)] == [alice.get_username(), ""]

    @proves("P7")
    @pytest.mark.parametrize(
        "kept",
        [
            None,
            {},
            {"sid": 7},
            {"sid": "not an id"},
            {"sid": "0" * 32},
            {"sid": "01932f6d-0000-7000-8000-000000000000"},
            {"auth_time": "now"},
            {"auth_time": -1},
            {"auth_time": 1e300},
            {"auth_time": True},
            {"amr": None},
            {"amr": "pwd"},
        ],
    )
    def test_p7_what_cannot_be_under_our_key_signs_out(self, browser, alice, kept):
        sign_in(browser, alice)
        rewrite(browser, **{KEY: {**browser.session[KEY], **kept} if kept else kept})
        response = browser.get("/whoami/")
        assert (response.status_code, response.content) == (200, b"")
        assert SESSION_KEY not in browser.session

    @proves("P7")
    def test_p7_the_session_of_somebody_else_signs_out_and_theirs_goes_on(
        self, browser, alice, bob
    ):
        other = open_browser()
        bobs = sign_in(other, bob)
        sign_in(browser, alice)
        rewrite(browser, **{KEY: {**browser.session[KEY], "sid": str(bobs.pk)}})
        assert [who_is(browser), who_is(other)] == ["", bob.get_username()]

    @proves("P7")
    def test_p7_the_session_of_an_app_is_none_for_a_browser(self, browser, alice, phone):
        sign_in(browser, alice)
        rewrite(browser, **{KEY: {**browser.session[KEY], "sid": phone.sid}})
        assert who_is(browser) == ""
        assert phone.get("/api/auth/sessions/").status_code == 200

    def test_switched_off_nothing_is_kept(self, browser, alice, settings):
        settings.MIDDLEWARE = middleware(DJANGOS)
        become(browser, alice)
        assert who_is(browser) == alice.get_username()
        browser.post("/logout/")
        assert not Session.objects.exists()

    def test_switched_off_again_a_logout_still_ends_what_was_begun(self, browser, alice, settings):
        session = sign_in(browser, alice)
        settings.MIDDLEWARE = middleware(DJANGOS)
        with_cookies_of(browser).post("/logout/")
        assert reason_of(session) == RevokedReason.SIGNED_OUT

    def test_an_apps_sign_in_beside_a_cookie_begins_one_session_of_its_own(
        self, browser, alice, committed
    ):
        session = sign_in(browser, alice)
        body = credentials(alice, "alice")
        with committed():
            browser.post("/api/auth/token/", body, content_type="application/json")
        assert sorted(Session.objects.live().values_list("kind", flat=True)) == ["api", "browser"]
        assert (who_is(browser), session_of(browser)) == (alice.get_username(), session)
