"""The admin site that asks for a second factor: every way in, and what it looks like."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.sites import AdminSite, DefaultAdminSite
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse
from django_otp import DEVICE_ID_SESSION_KEY

from jwt_sessions import mfa
from jwt_sessions.admin.second_factor import with_second_factor
from jwt_sessions.exceptions import UserGone
from jwt_sessions.mfa import pending_logins
from jwt_sessions.mfa.qr import otpauth_uri
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    MessageDevice,
    PendingLogin,
    SecurityEvent,
    SecurityEventKind,
)
from tests.admin_urls import like_django, site
from tests.authenticators import Authenticator
from tests.inboxes import send_mail_by
from tests.people import Device, make_user, name_of

proves = pytest.mark.proves
pytestmark = pytest.mark.urls("tests.admin_urls")

INDEX, LOGIN = "/admin/", "/admin/login/"
TWO_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "django.contrib.auth.backends.AllowAllUsersModelBackend",
]


class Inputs(HTMLParser):
    """All inputs of a page, by name."""

    def __init__(self, response):
        super().__init__()
        self.found = {}
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in {"input", "button"} and "name" in attrs:
            self.found.setdefault(attrs["name"], attrs)

    @property
    def hidden(self):
        return {
            name: attrs.get("value", "")
            for name, attrs in self.found.items()
            if attrs.get("type") == "hidden"
        }


class Desk:
    """A browser at the admin's login, which sends back what the page carries."""

    def __init__(self, **options):
        self.http = Client(**options)
        self.page = None

    def open(self, path=LOGIN):
        return self._keep(self.http.get(path, follow=True))

    def give_password(self, user, password=None, *, path=LOGIN, **fields):
        password = name_of(user) if password is None else password
        name = user if isinstance(user, str) else user.get_username()
        body = {"username": name, "password": password, **fields}
        return self._keep(self.http.post(path, body))

    def give_code(self, code, *, path=LOGIN, **fields):
        return self._send({"code": code, **fields}, path)

    def press(self, button, value="yes"):
        return self._send({button: value}, LOGIN)

    def sign_in(self, user, code):
        self.give_password(user)
        return self.give_code(code)

    @property
    def is_in(self):
        return self.http.get(INDEX).status_code == 200

    @property
    def text(self):
        return self.page.content.decode()

    @property
    def inputs(self):
        return Inputs(self.page).found

    def _send(self, body, path):
        return self._keep(self.http.post(path, {**Inputs(self.page).hidden, **body}))

    def _keep(self, response):
        self.page = response
        return response


@pytest.fixture
def desk():
    """A browser that nobody has used."""
    return Desk()


@pytest.fixture
def boss(db):
    """A superuser without a second factor."""
    return make_user("boss", is_staff=True, is_superuser=True)


@pytest.fixture
def guard(db):
    """A superuser with a second factor: hers is `authenticator`."""
    return make_user("guard", is_staff=True, is_superuser=True)


def own_app(user):
    """Let a user have an authenticator app."""
    device = EncryptedTOTP.make(user_id=user.pk, confirmed=True)
    return Authenticator(otpauth_uri(device.secret, user.get_username()))


@pytest.fixture
def authenticator(guard):
    """The guard's authenticator app."""
    return own_app(guard)


@pytest.fixture
def recovery_codes(guard, authenticator):
    """The guard's recovery codes."""
    return mfa.recovery_codes.renew(guard)


@pytest.fixture
def address(guard, authenticator):
    """The guard's e-mail address, a factor too."""
    return MessageDevice.objects.create(
        user=guard, channel="email", address="guard@example.com", confirmed=True
    )


@pytest.fixture
def limits(set_jwt):
    """Set some rates, and turn all others off."""
    scopes = ("sign_in", "sign_in_account", "second_factor", "refresh", "refresh_session")
    return lambda **rates: set_jwt(THROTTLE_RATES={**dict.fromkeys(scopes), **rates})


def require(user):
    """What MFA_REQUIRED may be."""
    return user.is_staff


def plain(response):
    """A page without what differs each time, and without the name that was typed."""
    names = "csrfmiddlewaretoken|mfa_token|backend|username"
    return re.sub(rf'name="({names})" value="[^"]*"', "", text_of(response))


def text_of(response):
    return response.content.decode()


class TestWayIn:
    def test_password_and_code_open_the_admin(self, desk, guard, authenticator):
        answer = desk.sign_in(guard, authenticator.code())
        assert (answer.status_code, answer["Location"]) == (302, INDEX)
        assert desk.is_in

    @proves("M10")
    def test_m10_the_password_alone_opens_nothing(self, desk, guard, authenticator):
        assert desk.give_password(guard).status_code == 200
        assert SESSION_KEY not in desk.http.session
        assert not desk.is_in

    @proves("M12")
    def test_m12_the_password_is_kept_nowhere(self, desk, guard, authenticator):
        guard.set_password("correct-horse-battery")
        guard.save()
        desk.give_password(guard, "correct-horse-battery")
        kept = [desk.text, str(dict(desk.http.session)), str(PendingLogin.objects.values())]
        assert "mfa_token" in desk.inputs
        assert "correct-horse-battery" not in " ".join(kept)
        assert "password" not in desk.inputs

    def test_who_has_no_second_factor_needs_none(self, desk, boss):
        assert desk.give_password(boss)["Location"] == INDEX
        assert desk.is_in

    @proves("M10")
    @pytest.mark.parametrize("page", ["", "jwt_sessions/session/", "jsi18n/"])
    def test_m10_a_session_without_a_code_is_asked_for_one(self, desk, guard, authenticator, page):
        desk.http.force_login(guard)
        asked = desk.open(INDEX + page)
        assert asked.redirect_chain[0][0] == f"{LOGIN}?next={INDEX}{page}"
        assert "code" in desk.inputs
        assert "password" not in desk.inputs
        assert desk.give_code(authenticator.code(), next=INDEX + page)["Location"] == INDEX + page
        assert desk.http.get(INDEX + page).status_code == 200

    @proves("M10")
    def test_m10_a_factor_that_is_added_is_asked_for_at_once(self, desk, guard):
        desk.give_password(guard)
        assert desk.is_in
        own_app(guard)
        assert not desk.is_in

    @proves("M10")
    def test_m10_the_device_of_somebody_else_does_not_count(self, desk, boss, guard, authenticator):
        own_app(boss)
        of_the_boss = EncryptedTOTP.objects.get(user=boss).persistent_id
        desk.http.force_login(guard)
        session = desk.http.session
        session[DEVICE_ID_SESSION_KEY] = of_the_boss
        session.save()
        assert not desk.is_in

    @proves("M10")
    @pytest.mark.parametrize("change", ["delete", "unconfirm"])
    def test_m10_a_device_that_is_gone_proves_nothing(
        self, desk, guard, authenticator, address, change
    ):
        desk.sign_in(guard, authenticator.code())
        assert desk.is_in
        totp = EncryptedTOTP.objects.filter(user=guard)
        totp.delete() if change == "delete" else totp.update(confirmed=False)
        assert not desk.is_in

    @proves("M5")
    def test_a_recovery_code_works_once_and_says_how_many_are_left(
        self, desk, guard, recovery_codes
    ):
        code = recovery_codes[0]
        desk.sign_in(guard, code.lower().replace("-", " "))
        assert "You have used a recovery code. 9 are left." in text_of(desk.http.get(INDEX))
        other = Desk()
        other.sign_in(guard, code)
        assert (desk.is_in, other.is_in) == (True, False)
        used = SecurityEvent.objects.filter(kind=SecurityEventKind.RECOVERY_CODE_USED)
        assert used.get().user_id == guard.pk

    def test_a_code_may_be_typed_with_blanks(self, desk, guard, authenticator):
        code = authenticator.code()
        desk.sign_in(guard, f" {code[:3]} {code[3:]} ")
        assert desk.is_in

    @proves("M1")
    def test_m1_a_code_opens_the_admin_once(self, desk, guard, authenticator):
        other = Desk()
        code = authenticator.code()
        desk.sign_in(guard, code)
        other.sign_in(guard, code)
        assert (desk.is_in, other.is_in) == (True, False)

    @proves("M8")
    def test_m8_a_login_is_complete_once(self, desk, guard, authenticator, clock):
        desk.give_password(guard)
        second_step = desk.page
        desk.give_code(authenticator.code())
        clock.shift(30)
        other = Desk()
        other.page = second_step
        other.give_code(authenticator.code())
        assert "This login took too long" in other.text
        assert not other.is_in

    @proves("M8")
    def test_m8_a_login_that_waited_too_long_begins_anew(self, desk, guard, authenticator, clock):
        desk.give_password(guard)
        clock.shift(301)
        desk.give_code(authenticator.code())
        assert "This login took too long, or is complete." in desk.text
        assert "password" in desk.inputs

    @proves("M8")
    def test_m8_a_login_ends_with_the_password_that_it_began_with(self, desk, guard, authenticator):
        desk.give_password(guard)
        guard.set_password("another")
        guard.save()
        desk.give_code(authenticator.code())
        assert "This login took too long" in desk.text

    @pytest.mark.parametrize("backend", ["x:y", f"{TWO_BACKENDS[0]}:y"], ids=["none", "not signed"])
    def test_a_login_that_began_elsewhere_does_not_end_here(
        self, desk, guard, authenticator, backend
    ):
        token = Device().sign_in(guard).json()["mfa_token"]
        desk.open()
        desk.give_code(authenticator.code(), mfa_token=token, backend=backend)
        assert not desk.is_in

    def test_what_is_signed_for_one_login_ends_no_other(self, desk, guard, authenticator):
        token = Device().sign_in(guard).json()["mfa_token"]
        desk.give_password(guard)
        desk.give_code(authenticator.code(), mfa_token=token)
        assert not desk.is_in

    def test_a_stranger_is_asked_for_the_password_and_told_nothing(self, desk):
        desk.open()
        assert "password" in desk.inputs
        assert "Your account" not in desk.text

    def test_a_second_step_without_a_first_one_is_none(self, desk, guard, authenticator):
        desk.open()
        desk.give_code(authenticator.code(), mfa_token="")
        assert "This login took too long" in desk.text

    def test_of_several_backends_the_one_that_knew_the_password_is_kept(
        self, desk, guard, authenticator, settings
    ):
        settings.AUTHENTICATION_BACKENDS = TWO_BACKENDS[::-1]
        desk.sign_in(guard, authenticator.code())
        assert desk.http.session["_auth_user_backend"] == TWO_BACKENDS[1]
        assert desk.is_in

    def test_of_several_backends_that_of_the_session_is_kept(
        self, desk, guard, authenticator, settings
    ):
        settings.AUTHENTICATION_BACKENDS = TWO_BACKENDS
        desk.http.force_login(guard, TWO_BACKENDS[1])
        desk.open()
        desk.give_code(authenticator.code())
        assert desk.http.session["_auth_user_backend"] == TWO_BACKENDS[1]

    def test_who_is_in_is_led_to_the_index(self, desk, guard, authenticator):
        desk.sign_in(guard, authenticator.code())
        assert desk.http.get(LOGIN)["Location"] == INDEX

    def test_somebody_else_may_log_in_instead(self, desk, boss, guard, authenticator):
        desk.http.force_login(guard)
        desk.open()
        desk.press("start_over")
        assert "password" in desk.inputs
        desk.give_password(boss)
        assert desk.http.session[SESSION_KEY] == boss._meta.pk.value_to_string(boss)
        assert desk.is_in

    def test_logging_out_ends_it(self, desk, guard, authenticator, clock):
        desk.sign_in(guard, authenticator.code())
        assert desk.http.post("/admin/logout/").status_code == 200
        assert DEVICE_ID_SESSION_KEY not in desk.http.session
        desk.http.force_login(guard)
        assert not desk.is_in

    def test_a_changed_password_keeps_what_was_proven(self, desk, guard, authenticator):
        desk.sign_in(guard, authenticator.code())
        new = {"new_password1": "correct-horse-battery", "new_password2": "correct-horse-battery"}
        changed = desk.http.post("/admin/password_change/", {"old_password": "guard", **new})
        assert changed["Location"] == "/admin/password_change/done/"
        assert desk.is_in

    @proves("P13")
    def test_p13_a_hash_upgraded_at_this_login_ends_no_session(self, desk, settings, boss):
        settings.PASSWORD_HASHERS = ["tests.test_accounts.WeakerHasher"]
        boss.set_password("boss")
        boss.save()
        device = Device()
        device.sign_in(boss)
        settings.PASSWORD_HASHERS = ["tests.test_accounts.StrongerHasher"]
        desk.give_password(boss)
        assert desk.is_in
        assert device.refresh().status_code == 200


class TestMustHaveOne:
    @pytest.fixture(autouse=True)
    def required(self, set_jwt):
        set_jwt(MFA_REQUIRED=require)

    @proves("M10")
    def test_who_must_have_a_factor_and_has_none_is_told_so(self, desk, boss):
        desk.give_password(boss)
        assert "Your account needs a second factor and has none yet." in desk.text
        assert SESSION_KEY not in desk.http.session

    @proves("M10")
    def test_a_session_from_elsewhere_does_not_help(self, desk, boss):
        desk.http.force_login(boss)
        desk.open(INDEX)
        assert "Your account needs a second factor and has none yet." in desk.text
        assert not desk.is_in

    def test_who_has_one_enters_with_it(self, desk, guard, authenticator):
        desk.sign_in(guard, authenticator.code())
        assert desk.is_in

    @proves("M13")
    def test_m13_only_who_has_the_password_is_told(self, desk, boss):
        assert plain(desk.give_password(boss, "wrong")) == plain(
            Desk().give_password("nobody@example.com", "wrong")
        )


class TestRefusals:
    @proves("M13")
    @pytest.mark.parametrize("who", ["wrong password", "inactive", "no staff", "no staff, factor"])
    def test_m13_who_may_not_enter_is_answered_like_nobody(self, desk, db, who):
        rights = {"is_staff": who in {"wrong password", "inactive"}, "is_active": True}
        user = make_user("carol", **rights)
        if who == "no staff, factor":
            own_app(user)
        if who == "inactive":
            type(user).objects.update(is_active=False)
        found = desk.give_password(user, "wrong" if who == "wrong password" else "carol")
        nobody = Desk().give_password("nobody@example.com", "carol")
        assert "Please enter the correct" in desk.text
        assert plain(found) == plain(nobody)

    @proves("M13")
    def test_m13_an_inactive_user_whom_a_backend_lets_in_is_answered_like_nobody(
        self, desk, boss, settings
    ):
        settings.AUTHENTICATION_BACKENDS = TWO_BACKENDS[1:]
        type(boss).objects.update(is_active=False)
        desk.give_password(boss)
        assert "Please enter the correct" in desk.text

    def test_the_projects_rule_is_asked(self, desk, boss, set_jwt):
        set_jwt(USER_AUTHENTICATION_RULE=lambda user: False)
        desk.give_password(boss)
        assert "Please enter the correct" in desk.text

    def test_a_user_who_is_deleted_meanwhile_is_nobody(self, desk, boss, monkeypatch):
        def begin(user):
            raise UserGone

        monkeypatch.setattr(pending_logins, "begin", begin)
        desk.give_password(boss)
        assert "Please enter the correct" in desk.text

    @proves("M11")
    def test_m11_a_wrong_code_says_that_the_password_was_right(self, desk, guard, authenticator):
        answer = desk.sign_in(guard, authenticator.wrong_code())
        assert answer.status_code == 200
        assert "The password was right, but this code is not valid." in desk.text
        assert "<title>Error: Enter your code" in desk.text

    @proves("M4")
    def test_m4_a_locked_factor_answers_like_a_wrong_code(
        self, desk, guard, authenticator, set_jwt
    ):
        set_jwt(MFA_MAX_FAILURES=3)
        wrong = authenticator.wrong_code()
        answers = [Desk().sign_in(guard, wrong) for _ in range(3)]
        locked = desk.sign_in(guard, authenticator.code())
        assert plain(locked) == plain(answers[0])
        assert not desk.is_in
        kinds = SecurityEvent.objects.values_list("kind", flat=True)
        assert list(kinds).count(SecurityEventKind.TOO_MANY_WRONG_CODES) == 1

    @proves("M4")
    def test_m4_the_lock_ends_and_one_of_the_api_counts_here(
        self, desk, guard, authenticator, set_jwt, clock
    ):
        set_jwt(MFA_MAX_FAILURES=3)
        token = Device().sign_in(guard).json()["mfa_token"]
        body = {"mfa_token": token, "code": authenticator.wrong_code()}
        for _ in range(3):
            Device().post("token/mfa/", body)
        desk.sign_in(guard, authenticator.code())
        assert not desk.is_in
        clock.shift(15 * 60 + 1)
        desk.sign_in(guard, authenticator.code())
        assert desk.is_in

    def test_too_many_wrong_codes_end_the_login(self, desk, guard, authenticator, set_jwt):
        set_jwt(MFA_MAX_FAILURES=2)
        desk.give_password(guard)
        for _ in range(3):
            desk.give_code(authenticator.wrong_code())
        assert "This login took too long, or is complete." in desk.text

    @proves("M4")
    def test_m4_a_session_without_a_code_is_no_way_to_guess(
        self, desk, guard, authenticator, set_jwt
    ):
        set_jwt(MFA_MAX_FAILURES=3)
        desk.http.force_login(guard)
        desk.open()
        for _ in range(3):
            desk.give_code(authenticator.wrong_code())
        desk.give_code(authenticator.code())
        assert "This code is not valid. Please try the next one." in desk.text
        assert not desk.is_in

    @proves("M4")
    def test_m4_a_stranger_without_the_password_locks_nobody(
        self, desk, guard, authenticator, set_jwt
    ):
        set_jwt(MFA_MAX_FAILURES=2)
        desk.give_password(guard, "wrong")
        for token in ("", "x", "a.b.c"):
            desk.give_code("123456", mfa_token=token, backend=TWO_BACKENDS[0])
        assert not FactorAllowance.objects.filter(failures__gt=0).exists()
        desk.sign_in(guard, authenticator.code())
        assert desk.is_in

    @pytest.mark.parametrize("body", [{"code": ""}, {"code": "x" * 200}, {}])
    def test_what_cannot_be_a_code_uses_up_no_try(self, desk, guard, authenticator, body):
        desk.give_password(guard)
        desk._send(body, LOGIN)
        assert "code" in desk.inputs
        assert PendingLogin.objects.get().attempts == 0

    @pytest.mark.parametrize("name", ["mfa_token", "backend", "code", "send", "username", "next"])
    def test_hostile_input_is_no_500(self, desk, guard, authenticator, name):
        desk.give_password(guard)
        desk._send({"code": "123456", name: "\0\x1b\u202e" * 50}, LOGIN)
        assert desk.page.status_code == 200


class TestSafety:
    @pytest.mark.parametrize("step", ["password", "session"])
    def test_the_key_of_the_session_changes(self, desk, guard, authenticator, step):
        if step == "session":
            desk.http.force_login(guard)
        desk.http.session.save()
        desk.open()
        if step == "password":
            session = desk.http.session
            session["x"] = 1
            session.save()
            desk.http.cookies["sessionid"] = session.session_key
            desk.give_password(guard)
        before = desk.http.session.session_key
        desk.give_code(authenticator.code())
        assert desk.is_in
        assert desk.http.session.session_key != before

    @pytest.mark.parametrize(
        "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"]
    )
    @pytest.mark.parametrize("where", ["query", "body"])
    def test_nobody_is_led_elsewhere(self, desk, guard, authenticator, target, where):
        fields = {"next": target} if where == "body" else {}
        path = f"{LOGIN}?next={target}" if where == "query" else LOGIN
        desk.give_password(guard, path=path, **fields)
        assert desk.inputs["next"]["value"] == INDEX
        assert desk.give_code(authenticator.code(), path=path, **fields)["Location"] == INDEX

    def test_where_one_wanted_to_go_is_kept_through_both_steps(self, desk, guard, authenticator):
        wanted = "/admin/jwt_sessions/session/?q=a"
        desk.open(wanted)
        desk.give_password(guard, next=wanted)
        assert desk.give_code(authenticator.code())["Location"] == wanted

    @proves("T1")
    @pytest.mark.parametrize("body", [{"username": "a", "password": "b"}, {"mfa_token": ""}])
    def test_both_steps_are_guarded_against_forged_requests(self, db, body):
        assert Client(enforce_csrf_checks=True).post(LOGIN, body).status_code == 403

    def test_no_cache_keeps_the_page(self, desk, guard, authenticator):
        assert "no-store" in desk.give_password(guard)["Cache-Control"]

    def test_a_code_is_not_repeated_on_the_page(self, desk, guard, authenticator):
        code = authenticator.wrong_code()
        desk.sign_in(guard, code)
        assert code not in desk.text

    def test_what_was_counted_needs_no_transaction_of_the_request(self):
        assert site.login._non_atomic_requests == {"default", "accounts"}

    def test_the_page_is_open_where_all_others_ask_for_a_login(self, desk, boss, settings):
        settings.MIDDLEWARE = [
            *settings.MIDDLEWARE,
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
        assert desk.open().status_code == 200
        desk.give_password(boss)
        assert desk.is_in

    def test_django_otp_knows_the_device_too(self, desk, guard, authenticator, settings):
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django_otp.middleware.OTPMiddleware"]
        desk.sign_in(guard, authenticator.code())
        device = desk.http.get(INDEX).wsgi_request.user.otp_device
        assert device == EncryptedTOTP.objects.get()

    def test_what_is_proven_within_a_request_counts_in_it(self, rf, guard, authenticator):
        request = rf.get(INDEX)
        request.user, request.session = guard, {}
        before = site.has_permission(request)
        request.session[DEVICE_ID_SESSION_KEY] = EncryptedTOTP.objects.get().persistent_id
        assert (before, site.has_permission(request)) == (False, True)

    @proves("M10")
    def test_m10_who_is_no_staff_cannot_begin_at_the_second_step(self, desk, alice):
        app = own_app(alice)
        desk.http.force_login(alice)
        desk.open()
        desk.give_code(app.code(), mfa_token="")
        assert "This login took too long" in desk.text
        assert DEVICE_ID_SESSION_KEY not in desk.http.session

    @proves("M1")
    @pytest.mark.races
    @pytest.mark.django_db(transaction=True)
    def test_m1_of_many_with_one_code_one_gets_in(self, threads, throttles_off):
        guard = make_user("guard", is_staff=True, is_superuser=True)
        authenticator, desks = own_app(guard), [Desk() for _ in range(8)]
        for desk in desks:
            desk.give_password(guard)
        code = authenticator.code()
        threads(8).at_once(*[lambda desk=desk: desk.give_code(code) for desk in desks])
        assert [desk.is_in for desk in desks].count(True) == 1


class TestLimits:
    def test_wrong_passwords_are_limited_as_at_the_api(self, desk, boss, limits):
        limits(sign_in="3/min")
        device = Device()
        assert [device.sign_in(boss, "wrong").status_code for _ in range(2)] == [401, 401]
        assert [desk.give_password(boss, "wrong").status_code for _ in range(2)] == [200, 429]
        assert device.sign_in(boss).status_code == 429

    def test_a_429_says_when_and_then_it_works(self, desk, boss, limits, clock):
        limits(sign_in_account="1/hour")
        desk.give_password(boss, "wrong")
        answer = desk.give_password(boss)
        assert (answer.status_code, answer["Retry-After"]) == (429, "3600")
        assert "Too many tries. Please try again in 60 minutes." in desk.text
        assert "<title>Error: " in desk.text
        clock.shift(3_600)
        desk.give_password(boss)
        assert desk.is_in

    def test_who_is_right_uses_up_nothing(self, guard, boss, authenticator, limits):
        limits(sign_in="1/min", sign_in_account="1/hour")
        for user in (guard, boss) * 3:
            assert Desk().give_password(user).status_code in {200, 302}
        assert Desk().give_password(boss, "wrong").status_code == 200

    @proves("M13")
    def test_m13_who_is_no_staff_is_counted_like_a_wrong_password(self, desk, alice, limits):
        limits(sign_in="1/min")
        assert [desk.give_password(alice).status_code for _ in range(2)] == [200, 429]

    def test_what_names_nobody_uses_up_nothing(self, desk, boss, limits):
        limits(sign_in="1/min")
        statuses = [desk.give_password(boss, "").status_code for _ in range(3)]
        assert statuses == [200] * 3

    def test_wrong_codes_of_a_caller_are_limited(self, desk, guard, authenticator, limits):
        limits(second_factor="2/min")
        desk.give_password(guard)
        statuses = [desk.give_code(authenticator.wrong_code()).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert "code" in desk.inputs
        assert desk.page["Retry-After"] == "60"

    @proves("P8")
    def test_p8_without_its_cache_nobody_logs_in(self, desk, boss, settings, caplog):
        location = "redis://127.0.0.1:1"
        backend = "django.core.cache.backends.redis.RedisCache"
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location}}
        answer = desk.give_password(boss)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert "The login is unavailable for the moment." in desk.text
        assert not desk.is_in

    @proves("P8")
    def test_p8_without_keys_nobody_logs_in(self, desk, guard, authenticator, set_jwt, tmp_path):
        set_jwt(SIGNING_KEYS=[{"directory": tmp_path / "none"}])
        assert desk.give_password(guard).status_code == 503
        assert "password" in desk.inputs


class TestSending:
    def test_a_code_is_sent_and_opens_the_admin(self, desk, guard, address):
        desk.give_password(guard)
        assert "Send me a code by e-mail" in desk.text
        desk.press("send", "email")
        assert "A code was sent by e-mail." in desk.text
        desk.give_code(re.search(r"\b\d{6}\b", mail.outbox[-1].body)[0])
        assert desk.is_in

    def test_who_has_a_session_is_sent_one_too(self, desk, guard, address):
        desk.http.force_login(guard)
        desk.open()
        desk.press("send", "email")
        desk.give_code(re.search(r"\b\d{6}\b", mail.outbox[-1].body)[0])
        assert desk.is_in

    def test_too_many_are_429_and_say_when(self, desk, guard, address):
        desk.give_password(guard)
        desk.press("send", "email")
        answer = desk.press("send", "email")
        assert (answer.status_code, answer["Retry-After"]) == (429, "60")
        assert "The next one can be sent in 60 seconds." in desk.text
        assert "code" in desk.inputs

    def test_what_cannot_be_sent_is_503(self, desk, guard, address, settings, caplog):
        send_mail_by(settings, "no.such.Backend")
        desk.give_password(guard)
        answer = desk.press("send", "email")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert "The code could not be sent." in desk.text

    @pytest.mark.parametrize("method", ["sms", "totp", "x"])
    def test_a_method_that_sends_nothing_is_no_trouble(self, desk, guard, address, method):
        desk.give_password(guard)
        desk.press("send", method)
        assert "The code could not be sent." in desk.text
        assert not mail.outbox

    def test_there_is_a_button_for_what_sends_and_no_other(self, desk, guard, authenticator):
        desk.give_password(guard)
        assert "send" not in desk.inputs


class TestPage:
    def test_the_field_fits_codes_and_asks_for_digits(self, desk, guard, authenticator):
        desk.give_password(guard)
        field = desk.inputs["code"]
        hints = {name: field.get(name) for name in ("type", "inputmode", "autocomplete", "pattern")}
        assert hints == {
            "type": "text",
            "inputmode": "numeric",
            "autocomplete": "one-time-code",
            "pattern": None,
        }

    def test_a_recovery_code_gets_a_keyboard_with_letters(self, desk, guard, recovery_codes):
        desk.give_password(guard)
        desk.press("use_recovery_code")
        assert "inputmode" not in desk.inputs["code"]
        assert "use_recovery_code" not in desk.inputs
        desk.give_code("wrong")
        assert "inputmode" not in desk.inputs["code"]
        desk.give_code(recovery_codes[3])
        assert desk.is_in

    def test_an_error_is_tied_to_its_field(self, desk, guard, authenticator):
        desk.sign_in(guard, authenticator.wrong_code())
        described = desk.inputs["code"]["aria-describedby"].split()
        assert described == ["id_code_helptext", "id_code_error"]
        assert all(f'id="{name}"' in desk.text for name in described)

    def test_there_is_neither_script_nor_style_in_it(self, desk, guard, address):
        desk.give_password(guard)
        assert not re.search(r"<script(?![^>]* src=)|<style|style=|\son\w+=", desk.text)


class TestQueries:
    """The list of users: Django's own page, which asks for the same at each visit."""

    def count(self, desk):
        page = reverse(f"admin:{get_user_model()._meta.label_lower.replace('.', '_')}_changelist")
        with CaptureQueriesContext(connection) as queries:
            assert desk.http.get(page).status_code == 200
        return len(queries)

    def test_a_page_takes_one_query_more(self, desk, guard, authenticator, settings):
        desk.sign_in(guard, authenticator.code())
        with_it = self.count(desk)
        settings.ROOT_URLCONF = "tests.urls"
        assert with_it == self.count(desk) + 1

    @pytest.mark.parametrize("who", ["has none", "has many"])
    def test_it_is_one_for_whoever_it_is(self, desk, guard, boss, authenticator, who):
        desk.sign_in(guard, authenticator.code())
        before = self.count(desk)
        if who == "has none":
            desk = Desk()
            desk.give_password(boss)
        for number in range(5 if who == "has many" else 0):
            EncryptedTOTP.make(user_id=guard.pk, name=str(number), confirmed=True)
        assert self.count(desk) == before


class TestSites:
    @pytest.fixture
    def default_site(self):
        """Django's own site, as a project finds it: not made yet."""
        return DefaultAdminSite()

    def test_djangos_own_site_takes_it_and_twice_is_once(self, default_site):
        once = with_second_factor(default_site)
        login = once.login
        assert with_second_factor(once) is default_site
        assert default_site.login is login

    @proves("M10")
    @pytest.mark.urls("tests.urls")
    def test_without_the_line_nothing_changes(self, desk, guard, authenticator):
        assert desk.give_password(guard, next=INDEX)["Location"] == INDEX
        assert desk.is_in
        assert admin.site.login_template is None

    def test_a_site_keeps_its_own_form_and_its_own_rule(self, desk, guard, authenticator, settings):
        settings.ROOT_URLCONF = Urls(with_second_factor(like_django(Strict())))
        desk.give_password(guard)
        assert "Not on a Monday." in desk.text
        desk.give_password(guard, day="Tuesday")
        desk.give_code(authenticator.code())
        assert not desk.is_in
        type(guard).objects.update(last_login="2020-01-01T00:00Z")
        assert desk.is_in

    def test_a_site_of_another_name_leads_to_itself(self, desk, guard, authenticator, settings):
        settings.ROOT_URLCONF = Urls(with_second_factor(like_django(AdminSite("office"))))
        desk.sign_in(guard, authenticator.code())
        assert desk.page["Location"] == INDEX


class Urls:
    """A URLconf with one admin site."""

    def __init__(self, site):
        self.urlpatterns = [path("admin/", site.urls)]


class MondayForm(AdminAuthenticationForm):
    def clean(self):
        super().clean()
        if self.data.get("day") != "Tuesday":
            raise ValidationError("Not on a Monday.")


class Strict(AdminSite):
    """A site with a form and a rule of its own."""

    login_form = MondayForm

    def has_permission(self, request):
        long_ago = getattr(request.user, "last_login", None)
        return super().has_permission(request) and bool(long_ago and long_ago.year == 2020)
