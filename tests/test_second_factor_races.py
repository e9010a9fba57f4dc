"""One code, many callers at once, in threads and in processes: each works once (P10, M1, M5)."""

from __future__ import annotations

import os
from itertools import cycle, islice
from threading import Barrier

import pytest
from django.urls import path
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_sessions import mfa, sessions
from jwt_sessions.mfa.enrollment import device_id
from jwt_sessions.models import (
    EncryptedTOTP,
    MessageDevice,
    RecoveryCode,
    RevokedReason,
    Session,
)
from jwt_sessions.models.recovery_codes import HASHER, normalize
from jwt_sessions.permissions import HasCode
from tests import urls
from tests.factors import (
    give_address,
    give_recovery_codes,
    give_stock_static,
    give_stock_totp,
    give_totp,
    sign_in,
    wait_for_code,
)
from tests.people import Device, make_user
from tests.racing import Call, processes

CALLERS = 50
# At both ends of the supported versions a few are enough: the database is the same.
ROUNDS = int(os.environ.get("TEST_ROUNDS", "20"))
# No lock, so that all callers come as far as to the code; no mails, which take time.
SETTINGS = {"MFA_MAX_FAILURES": 100, "SECURITY_MAILS": False}
proves = pytest.mark.proves

pytestmark = [
    pytest.mark.races,
    pytest.mark.usefixtures("throttles_off"),
    pytest.mark.django_db(transaction=True),
    # One worker for all of them: PostgreSQL serves a hundred connections.
    pytest.mark.xdist_group("races"),
    pytest.mark.urls(__name__),
]


class WithCodeView(APIView):
    """What a project lets happen only with a code."""

    permission_classes = [HasCode]

    def post(self, request):
        return Response({})


urlpatterns = [path("api/auth/with-code/", WithCodeView.as_view()), *urls.urlpatterns]


@pytest.fixture(autouse=True)
def clock():
    """The real one: processes of their own know no other."""


@pytest.fixture(autouse=True)
def no_locks(throttles_off, set_jwt):
    set_jwt(**SETTINGS)


@pytest.fixture(params=["threads", "processes"])
def at_once(request, threads):
    """Make fifty calls at once: ``at_once(calls)`` returns the replies."""
    if request.param == "threads":
        yield threads(CALLERS).send_at_once
    else:
        with processes(CALLERS, urlconf=__name__, **SETTINGS) as send_at_once:
            yield send_at_once


def login(mfa_token, code):
    return Call("token/mfa/", {"mfa_token": mfa_token, "code": code})


def next_code(authenticator):
    """The code of the next step, which is good for a minute at least."""
    return authenticator.code(steps=1)


def totp_code(user):
    return next_code(give_totp(user))


def recovery_code(user):
    give_totp(user)
    return give_recovery_codes(user)[7]


def stock_totp_code(user):
    return next_code(give_stock_totp(user))


def many_logins(give):
    """Each of many logins is completed with the same code."""

    def calls(user):
        code = give(user)
        return [login(mfa_token, code) for mfa_token in wait_for_code(user, CALLERS)]

    return calls


def one_login(user):
    code = totp_code(user)
    return [login(*wait_for_code(user, 1), code)] * CALLERS


def one_login_with_other_codes(user):
    codes = [totp_code(user), *give_recovery_codes(user)]
    (mfa_token,) = wait_for_code(user, 1)
    return [login(mfa_token, code) for code in islice(cycle(codes), CALLERS)]


def step_up(give):
    return lambda user: [Call("token/step-up/", {"code": give(user)}, sign_in(user))] * CALLERS


def header(user):
    return [Call("with-code/", {}, sign_in(user), {"x-otp-code": totp_code(user)})] * CALLERS


KINDS = {
    "logins, totp": many_logins(totp_code),
    "logins, recovery code": many_logins(recovery_code),
    "logins, message": many_logins(give_address),
    "logins, stock totp": many_logins(stock_totp_code),
    "logins, stock static": many_logins(give_stock_static),
    "one login": one_login,
    "one login, other codes": one_login_with_other_codes,
    "step-up, totp": step_up(totp_code),
    "step-up, recovery code": step_up(recovery_code),
    "header": header,
}
# A code, a recovery code and a login are what all the others are made of.
NAMED = ["logins, totp", "logins, recovery code", "one login"]


def spent_codes(user):
    """How many codes of ours and of django-otp's work no more."""
    theirs = {"user_id": user.pk}
    return (
        EncryptedTOTP.objects.filter(**theirs).exclude(last_step=-1).count()
        + RecoveryCode.objects.filter(device__user_id=user.pk).exclude(used_at=None).count()
        + MessageDevice.objects.filter(**theirs, hashed_code="").count()
        + TOTPDevice.objects.filter(**theirs).exclude(last_t=-1).count()
        + StaticDevice.objects.filter(**theirs).exclude(last_used_at=None).count()
    )


@proves("P10", "M1", "M5", "M7", "M8")
def test_p10_a_code_works_once_and_a_login_is_completed_once(at_once):
    for number, name in enumerate([*NAMED * ROUNDS, *KINDS]):
        user = make_user(f"alice{number}")
        replies = at_once(KINDS[name](user))
        assert sorted(reply.status for reply in replies) == [200] + [401] * (CALLERS - 1), name
        refused = {reply.code for reply in replies if reply.status == 401}
        assert refused <= {"invalid_code", "mfa_token_expired"}, name
        assert Session.objects.filter(user=user).count() == 1, name
        assert spent_codes(user) == 1, name


def statuses(replies):
    return [reply.status for reply in replies]


class TestEnrolling:
    @proves("P10", "M9")
    def test_p10_a_device_is_confirmed_once_and_codes_are_shown_once(self, alice, threads):
        callers = threads(20)
        for _ in range(5):
            app = give_totp(alice, confirmed=False)
            access = sessions.start(alice).access
            call = Call(f"mfa/totp/{app.id}/confirm/", {"code": next_code(app)}, access)
            replies = callers.send_at_once([call] * 20)
            assert sorted(statuses(replies))[0] == 200
            assert set(sorted(statuses(replies))[1:]) <= {401, 404}
            (confirmed,) = (reply.body for reply in replies if reply.status == 200)
            assert work(alice, confirmed["recovery_codes"])
            mfa.changing.reset(alice)

    @proves("P10", "M9")
    def test_p10_one_device_confirmed_with_two_codes_shows_one_set_of_recovery_codes(
        self, alice, threads
    ):
        callers = threads(20)
        for _ in range(5):
            app, access = give_totp(alice, confirmed=False), sign_in(alice)
            path = f"mfa/totp/{app.id}/confirm/"
            calls = [Call(path, {"code": app.code(steps=steps)}, access) for steps in (0, 1)]
            replies = callers.send_at_once(calls * 10)
            assert statuses(replies).count(200) == 1
            (shown,) = (reply.body for reply in replies if reply.body.get("recovery_codes"))
            assert work(alice, shown["recovery_codes"])
            mfa.changing.reset(alice)

    @proves("P10", "M9")
    def test_p10_two_devices_confirmed_at_once_share_one_set_of_recovery_codes(
        self, alice, threads, monkeypatch
    ):
        app, access = give_totp(alice, confirmed=False), sign_in(alice)
        code = give_address(alice, confirmed=False)
        address = MessageDevice.objects.get()
        barrier, make = Barrier(2), mfa.recovery_codes.NewCodes.make

        def make_together():
            barrier.wait(30)
            return make()

        monkeypatch.setattr(mfa.recovery_codes.NewCodes, "make", make_together)
        replies = threads(2).send_at_once(
            [
                Call(f"mfa/totp/{app.id}/confirm/", {"code": next_code(app)}, access),
                Call(f"mfa/messages/{device_id(address)}/confirm/", {"code": code}, access),
            ]
        )
        assert statuses(replies) == [200, 200]
        (shown,) = filter(None, (reply.body["recovery_codes"] for reply in replies))
        assert work(alice, shown)


def work(user, codes):
    """Whether these are the recovery codes that a person has."""
    stored = RecoveryCode.objects.filter(device__user_id=user.pk).order_by("slot")
    hashes = [row.hashed for row in stored]
    pairs = zip(codes, hashes, strict=True)
    return bool(codes) and all(HASHER.verify(normalize(code), hashed) for code, hashed in pairs)


class TestChanging:
    @proves("P10", "M5")
    def test_p10_recovery_codes_renewed_while_one_is_used(self, alice, threads):
        callers = threads(2)
        for _ in range(ROUNDS):
            give_totp(alice)
            (mfa_token,), old = wait_for_code(alice, 1), give_recovery_codes(alice)
            used, renewed = callers.send_at_once(
                [
                    login(mfa_token, old[3]),
                    Call("mfa/recovery-codes/", {}, sign_in(alice)),
                ]
            )
            assert (used.status, renewed.status) in {(200, 200), (401, 200)}
            assert work(alice, renewed.body["recovery_codes"])
            assert mfa.recovery_codes.remaining(alice) == 10
            mfa.changing.reset(alice)

    @proves("P9", "P10")
    def test_p10_a_device_removed_while_its_code_is_used(self, alice, threads):
        callers = threads(2)
        for _ in range(ROUNDS):
            app = give_totp(alice)
            give_recovery_codes(alice)
            used, removed = callers.send_at_once(
                [
                    login(*wait_for_code(alice, 1), next_code(app)),
                    Call(f"mfa/devices/{app.id}/", None, sign_in(alice), {}, "delete"),
                ]
            )
            assert (used.status, removed.status) in {(200, 204), (401, 204)}
            assert mfa.list_devices(alice) == []

    @proves("P9")
    def test_of_two_devices_removed_at_once_one_stays_where_there_must_be_one(
        self, alice, threads, set_jwt
    ):
        set_jwt(MFA_REQUIRED=lambda user: True)
        callers = threads(2)
        for _ in range(ROUNDS):
            apps, access = [give_totp(alice), give_totp(alice)], sign_in(alice)
            calls = [Call(f"mfa/devices/{app.id}/", None, access, {}, "delete") for app in apps]
            assert sorted(statuses(callers.send_at_once(calls))) == [204, 409]
            assert mfa.has_second_factor(alice)
            mfa.changing.reset(alice)

    @proves("P5", "P9")
    def test_p5_no_device_is_added_by_a_session_that_ends_meanwhile(self, alice, monkeypatch):
        app, pair = give_totp(alice, confirmed=False), sessions.start(alice)
        device, make = Device(), mfa.recovery_codes.NewCodes.make
        device.access = pair.access

        def end_and_make():
            sessions.revoke(pair.session.pk, reason=RevokedReason.SIGNED_OUT)
            return make()

        monkeypatch.setattr(mfa.recovery_codes.NewCodes, "make", end_and_make)
        answer = device.post(f"mfa/totp/{app.id}/confirm/", {"code": next_code(app)})
        assert answer.status_code == 401
        assert not mfa.has_second_factor(alice)
