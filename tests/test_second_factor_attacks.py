"""What attackers try at the second factor, and what strange people and projects do to it."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.urls import include, path
from django_otp.plugins.otp_static.models import StaticDevice
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_sessions import mfa, sessions
from jwt_sessions.authentication import JWTSessionAuthentication
from jwt_sessions.autocommit import in_autocommit
from jwt_sessions.mfa import enrollment, proving
from jwt_sessions.models import FactorAllowance, RevokedReason
from jwt_sessions.permissions import HasCode, HasRecentLogin, HasSecondFactor
from tests.authenticators import Authenticator, enroll
from tests.people import Device, claims_of

proves = pytest.mark.proves


class FreshView(APIView):
    authentication_classes = [JWTSessionAuthentication]
    permission_classes = [HasSecondFactor.within(timedelta(minutes=5))]

    def get(self, request):
        return Response({})


class AtOnceView(FreshView):
    permission_classes = [HasRecentLogin.within(timedelta(0))]


class CodeView(FreshView):
    permission_classes = [HasCode]


class CodeOrAnybodyView(FreshView):
    permission_classes = [HasCode | AllowAny]


class NoCodeView(FreshView):
    permission_classes = [~HasCode]


class CodesView(FreshView):
    permission_classes = [HasCode, HasCode & HasSecondFactor]


urlpatterns = [
    path("fresh/", FreshView.as_view()),
    path("at-once/", AtOnceView.as_view()),
    path("code/", in_autocommit(CodeView.as_view())),
    path("code-or-anybody/", CodeOrAnybodyView.as_view()),
    path("no-code/", NoCodeView.as_view()),
    path("codes/", CodesView.as_view()),
    path("", include("tests.urls")),
]


@pytest.fixture(autouse=True)
def urls(settings):
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def strangers(bob, clock):
    """Bob's phone and his app: all his own, and nothing of Alice's."""
    device = Device()
    device.sign_in(bob)
    device.app = enroll(device)
    clock.shift(30)
    return device


def ask(user, device=None):
    """Sign in as far as the code; return the `mfa_token`."""
    return (device or Device()).sign_in(user).json()["mfa_token"]


def answer(mfa_token, code, **extra):
    return send("token/mfa/", {"mfa_token": mfa_token, "code": code, **extra})


def send(endpoint, body, device=None):
    """Post a body of any kind: Python's JSON can say what no client would."""
    device = device or Device()
    headers = device._headers(signed_in=True)
    url = f"/api/auth/{endpoint}"
    return device.http.post(url, json.dumps(body), content_type="application/json", **headers)


def code_of(response):
    return response.json().get("code")


def last_code():
    return re.search(r"\b[0-9]{6}\b", mail.outbox[-1].body).group()


def begin_email(device, address="alice@mail.example"):
    return device.post("mfa/messages/", {"channel": "email", "address": address}).json()["id"]


def call(device, url, code=None):
    headers = {"authorization": f"Bearer {device.access}"}
    if code is not None:
        headers["x-otp-code"] = code
    return device.http.get(url, headers=headers)


# One token for another


@proves("M8", "C2", "C10")
def test_an_mfa_token_opens_nothing_else(alice, authenticator):
    thief = Device()
    thief.access = mfa_token = ask(alice)
    answers = [
        thief.call_protected(),
        thief.get("/api/auth/mfa/"),
        thief.post("logout/"),
        thief.post("token/step-up/", {"code": authenticator.code()}),
        thief.refresh(mfa_token),
        thief.post("token/verify/", {"token": mfa_token}),
        thief.post("token/blacklist/", {"refresh": mfa_token}),
    ]
    assert {code_of(response) for response in answers} == {"token_not_valid"}


@proves("M5", "M8")
def test_a_login_is_completed_by_codes_of_its_own_user_only(alice, authenticator, strangers):
    mfa_token = ask(alice)
    for code in (strangers.app.code(), strangers.app.recovery_codes[0]):
        assert code_of(answer(mfa_token, code)) == "invalid_code"


@proves("M8")
def test_whoever_is_signed_in_beside_it_a_login_is_its_own_users(alice, authenticator, strangers):
    body = {"mfa_token": ask(alice), "code": authenticator.code()}
    done = strangers.post("token/mfa/", body)
    assert claims_of(done.json()["access"])["sub"] == str(alice.pk)


@proves("M8")
def test_a_login_whose_user_is_no_longer_let_in_is_over(alice, authenticator, set_jwt):
    mfa_token = ask(alice)
    set_jwt(USER_AUTHENTICATION_RULE=lambda user: False)
    assert code_of(answer(mfa_token, authenticator.code())) == "mfa_token_expired"


@proves("M8", "V2")
@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}], ids=["off", "new"])
def test_a_login_ends_with_its_password_and_its_account(alice, authenticator, change):
    mfa_token = ask(alice)
    type(alice).objects.filter(pk=alice.pk).update(**change)
    assert code_of(answer(mfa_token, authenticator.code())) == "mfa_token_expired"


# Somebody else's devices, and enrollments


@proves("M9", "P9")
def test_what_a_session_began_before_there_was_a_factor_it_cannot_confirm_after(phone, laptop):
    device_id = begin_email(laptop)
    enroll(phone)
    refused = laptop.post(f"mfa/messages/{device_id}/confirm/", {"code": last_code()})
    assert code_of(refused) == "insufficient_user_authentication"


@proves("M9", "P9")
def test_a_session_of_before_the_factor_changes_no_factor(alice, laptop, authenticator):
    answers = [
        laptop.post("mfa/totp/"),
        laptop.post("mfa/messages/", {"channel": "email", "address": "m@mail.example"}),
        laptop.post("mfa/recovery-codes/"),
        laptop.delete(f"mfa/devices/{authenticator.id}/"),
        laptop.post("token/step-up/", {"password": "alice"}),
    ]
    assert {code_of(response) for response in answers} == {"insufficient_user_authentication"}


@proves("M9")
def test_a_removed_secret_comes_back_by_no_enrollment(alice, phone, authenticator, clock):
    phone.delete(f"mfa/devices/{authenticator.id}/")
    enroll(phone)
    clock.shift(30)
    assert code_of(answer(ask(alice), authenticator.code())) == "invalid_code"


@proves("M9", "P1")
def test_a_session_that_is_revoked_meanwhile_adds_no_factor(alice, phone, monkeypatch):
    find = enrollment._find_unconfirmed

    def find_and_revoke(*args):
        sessions.revoke_all(alice, reason=RevokedReason.SIGNED_OUT_REMOTELY)
        return find(*args)

    begun = phone.post("mfa/totp/").json()
    code = Authenticator(begun["otpauth_uri"]).code()
    monkeypatch.setattr(enrollment, "_find_unconfirmed", find_and_revoke)
    refused = phone.post(f"mfa/totp/{begun['id']}/confirm/", {"code": code})
    assert code_of(refused) == "token_not_valid"
    assert not mfa.has_second_factor(alice)


# What a step-up lends


@proves("P9", "C11")
def test_a_step_up_lends_nothing_to_an_older_token(laptop, authenticator):
    stolen = laptop.access
    laptop.access = laptop.post("token/step-up/", {"code": authenticator.code()}).json()["access"]
    assert call(laptop, "/fresh/").status_code == 200
    laptop.access = stolen
    assert call(laptop, "/fresh/").status_code == 401


@proves("P9")
def test_a_password_does_not_renew_the_proof_of_a_factor_that_is_gone(phone, authenticator, clock):
    phone.delete(f"mfa/devices/{authenticator.id}/")
    clock.shift(600)
    phone.refresh()
    phone.access = phone.post("token/step-up/", {"password": "alice"}).json()["access"]
    assert claims_of(phone.access)["amr"] == ["pwd"]
    assert call(phone, "/fresh/").status_code == 401


@proves("P9")
def test_within_no_time_is_not_within_the_usual_time(phone, clock):
    assert call(phone, "/at-once/").status_code == 200
    clock.shift(2)
    assert call(phone, "/at-once/").status_code == 401


@proves("P10")
def test_codes_count_against_codes_and_not_against_the_password(
    alice, phone, authenticator, set_jwt
):
    set_jwt(THROTTLE_RATES={"sign_in": "1/hour", "sign_in_account": "1/hour"})
    for _ in range(3):
        assert (
            code_of(phone.post("token/step-up/", {"code": authenticator.wrong_code()}))
            == "invalid_code"
        )
    assert code_of(Device().sign_in(alice)) == "mfa_required"


# HasCode


@proves("M1", "P10")
@pytest.mark.parametrize("url", ["/code/", "/codes/", "/code-or-anybody/"])
def test_a_code_opens_one_request(phone, authenticator, url):
    assert call(phone, url, authenticator.code()).status_code == 200
    assert code_of(call(phone, url, authenticator.code())) == "invalid_code"


@proves("M1")
@pytest.mark.parametrize("code", [None, "wrong"], ids=["none", "wrong"])
def test_not_to_have_a_code_opens_nothing_that_is_closed_to_codes(phone, authenticator, code):
    code = code and authenticator.wrong_code()
    assert call(phone, "/no-code/", code).status_code == 401


@proves("M6")
def test_a_strange_header_is_a_wrong_code(phone, authenticator):
    strange = ["\u00b2" * 6, "1" * 200, "123456, 123456", "\u00ff", "\u00a0"]
    assert {call(phone, "/code/", code).status_code for code in strange} == {401}


def test_a_projects_own_tests_may_ask_for_codes_under_atomic_requests(
    phone, authenticator, monkeypatch
):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert call(phone, "/code/", authenticator.code()).status_code == 200


# Counters


@proves("M4")
def test_no_failure_is_forgotten_by_a_new_login_or_a_new_enrollment(alice, phone, authenticator):
    answer(ask(alice), authenticator.wrong_code())
    phone.post("mfa/totp/")
    begin_email(phone)
    ask(alice)
    assert FactorAllowance.objects.get(user_id=alice.pk, factor="totp").failures == 1


@proves("M4")
def test_what_is_proven_of_a_new_address_forgets_no_failure_of_the_app(alice, phone, authenticator):
    answer(ask(alice), authenticator.wrong_code())
    device_id = begin_email(phone)
    assert (
        phone.post(f"mfa/messages/{device_id}/confirm/", {"code": last_code()}).status_code == 200
    )
    assert FactorAllowance.objects.get(user_id=alice.pk, factor="totp").failures == 1


@proves("M4")
def test_a_neighbour_without_a_login_keeps_nobody_from_entering_a_code(
    alice, authenticator, set_jwt
):
    set_jwt(THROTTLE_RATES={"second_factor": "2/min"})
    for _ in range(3):
        assert code_of(answer("garbage", "123456")) == "mfa_token_expired"
    assert answer(ask(alice), authenticator.code()).status_code == 200


# Strange values, people and projects

STRANGE = {
    "number": 123456,
    "huge": 10**400,
    "list": ["123456"],
    "object": {"code": "123456"},
    "null": None,
    "true": True,
    "nul": "12345\x00",
    "surrogate": "\ud800" * 6,
    "arabic": "\u0661\u0662\u0663\u0664\u0665\u0666",
    "look-alike": "9-\u017f\u017f\u017f\u017f\u017f-AAAAA-AAAAA",
    "grows": "9A" + "\u0149" * 7,
    "long": "1" * 10_000,
}


@proves("M6")
@pytest.mark.parametrize("method", ["totp", "recovery_code", None])
def test_a_strange_code_is_refused_and_breaks_nothing(alice, phone, authenticator, method, set_jwt):
    set_jwt(THROTTLE_RATES=None, MFA_MAX_FAILURES=99)
    extra = {"method": method} if method else {}
    answers = [answer(ask(alice), code, **extra) for code in STRANGE.values()]
    answers += [send("token/step-up/", {"code": code, **extra}, phone) for code in STRANGE.values()]
    assert {response.status_code for response in answers} == {400, 401}


@proves("M6")
def test_a_strange_method_is_refused_and_breaks_nothing(alice, authenticator):
    answers = [
        answer(ask(alice), authenticator.code(), method=method) for method in STRANGE.values()
    ]
    assert {response.status_code for response in answers} == {400, 401}


@pytest.mark.parametrize("name", [4917, None, "\U00010400" * 400], ids=["number", "none", "long"])
def test_whatever_the_user_is_called_there_is_a_qr_code(alice, monkeypatch, name):
    monkeypatch.setattr(type(alice), "get_username", lambda self: name)
    assert enrollment.begin_totp(alice).qr_svg.startswith("<svg")


@pytest.mark.once
@pytest.mark.parametrize("name", ["a:b/?#&=%\"'@c", "x?secret=AAAA&issuer=y", "\u202ereversed"])
def test_a_user_name_adds_nothing_to_the_key_uri(alice, monkeypatch, name):
    monkeypatch.setattr(type(alice), "get_username", lambda self: name)
    app = Authenticator(enrollment.begin_totp(alice).otpauth_uri).app
    assert (app.name, app.issuer) == (name, "issuer.example")


@pytest.mark.django_db(transaction=True)
def test_a_user_deleted_while_their_code_is_judged_is_no_500(alice, authenticator, monkeypatch):
    load_all = proving.load_all

    def load_and_delete(devices):
        loaded = list(load_all(devices))
        type(alice).objects.filter(pk=alice.pk).delete()
        return loaded

    mfa_token = ask(alice)
    FactorAllowance.objects.all().delete()
    monkeypatch.setattr(proving, "load_all", load_and_delete)
    assert code_of(answer(mfa_token, authenticator.code())) in {"invalid_code", "mfa_token_expired"}


def test_new_recovery_codes_leave_no_empty_device_of_django_otps(alice, phone, authenticator):
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    phone.post("mfa/recovery-codes/")
    phone.delete(f"mfa/devices/{authenticator.id}/")
    assert Device().sign_in(alice).status_code == 200
