"""HasSecondFactor, HasRecentLogin and HasCode, on views of the project's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from rest_framework.test import APIClient

from jwt_sessions import sessions, testing
from jwt_sessions.models import FactorAllowance, SecurityEvent, SecurityEventKind
from jwt_sessions.permissions import HasRecentLogin, HasSecondFactor
from tests.forging import forge
from tests.people import Device

proves = pytest.mark.proves


@pytest.fixture
def client():
    return APIClient()


@proves("C11")
def test_who_has_proven_one_factor_is_told_to_step_up(alice, client):
    testing.sign_in(client, alice)
    answer = client.get("/second-factor/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_user_authentication", acr_values="aal2"'
    )
    assert answer.json()["code"] == "insufficient_user_authentication"


def test_who_has_proven_two_comes_in(alice, client):
    testing.sign_in(client, alice, second_factor=True)
    assert client.get("/second-factor/").status_code == 200


@pytest.mark.parametrize(("minutes", "status"), [(15, 200), (16, 401)])
def test_a_recent_login_is_fifteen_minutes_old_at_most(alice, client, minutes, status):
    testing.sign_in(client, alice, age=timedelta(minutes=minutes))
    assert client.get("/recent-login/").status_code == status


@proves("C11")
def test_how_old_it_may_be_is_told(alice, client, set_jwt):
    set_jwt(RECENT_LOGIN_MAX_AGE=timedelta(minutes=2))
    testing.sign_in(client, alice, age=timedelta(minutes=3))
    answer = client.get("/recent-login/")
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_user_authentication", max_age="120"'
    )


@proves("C11")
@pytest.mark.parametrize(
    "bend",
    [{"drop": ["auth_time"]}, {"claims": {"auth_time": "now"}}, {"claims": {"auth_time": True}}],
    ids=["none", "a text", "true"],
)
def test_a_login_of_no_known_time_is_no_recent_one(alice, client, bend):
    access = forge(sessions.start(alice).access, **bend)
    answer = client.get("/recent-login/", headers={"authorization": f"Bearer {access}"})
    assert answer.json()["code"] == "insufficient_user_authentication"


@proves("C11")
@pytest.mark.parametrize(
    ("second_factor", "minutes", "status"), [(True, 5, 200), (True, 6, 401), (False, 1, 401)]
)
def test_a_view_may_ask_for_both_within_a_time_of_its_own(
    alice, client, second_factor, minutes, status
):
    testing.sign_in(client, alice, second_factor=second_factor, age=timedelta(minutes=minutes))
    answer = client.get("/strict/")
    assert answer.status_code == status
    assert status == 200 or 'acr_values="aal2", max_age="300"' in answer["WWW-Authenticate"]


def test_within_gives_a_class_with_the_same_name():
    strict = HasRecentLogin.within(timedelta(minutes=1))
    assert isinstance(strict, type)
    assert strict.__name__ == "HasRecentLogin"
    assert HasSecondFactor.within(timedelta(0)).max_age == timedelta(0)


@pytest.mark.parametrize("path", ["/second-factor/", "/recent-login/", "/strict/", "/code/"])
def test_who_came_in_another_way_is_401_and_no_error(alice, client, path):
    client.force_authenticate(alice)
    assert client.get(path).status_code == 401


class TestCode:
    def call(self, device, code=None, path="/code/"):
        headers = {"authorization": f"Bearer {device.access}"}
        if code is not None:
            headers["X-OTP-Code"] = code
        return device.http.post(path, headers=headers)

    @proves("C11")
    def test_without_one_the_view_says_what_it_wants(self, phone, authenticator):
        answer = self.call(phone)
        assert answer.status_code == 401
        assert 'acr_values="aal2", max_age="0"' in answer["WWW-Authenticate"]

    def test_a_token_and_anothers_code_are_nothing(self, phone, authenticator, bob):
        device = Device()
        device.sign_in(bob)
        assert self.call(device, authenticator.code()).status_code == 401

    def test_a_recovery_code_counts_as_one(self, phone, authenticator):
        assert self.call(phone, authenticator.recovery_codes[0]).status_code == 200

    @proves("M4")
    def test_a_wrong_one_is_counted(self, phone, authenticator):
        self.call(phone, authenticator.wrong_code())
        assert FactorAllowance.objects.get().failures == 1

    @proves("M11")
    def test_a_recovery_code_that_counts_as_one_is_on_record(self, phone, authenticator):
        self.call(phone, authenticator.recovery_codes[0])
        used = SecurityEvent.objects.get(kind=SecurityEventKind.RECOVERY_CODE_USED)
        assert (str(used.session_id), used.facts) == (phone.sid, {"remaining": 9})

    def test_one_that_is_longer_than_any_is_shown_to_no_device(self, phone, authenticator):
        assert self.call(phone, "7" * 129).json()["code"] == "invalid_code"
        assert FactorAllowance.objects.get().failures == 0

    @proves("P4", "M4")
    @pytest.mark.django_db(transaction=True)
    def test_in_the_requests_transaction_it_refuses_to_work(self, phone, authenticator, settings):
        settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True
        connection.settings_dict["ATOMIC_REQUESTS"] = True
        try:
            with pytest.raises(ImproperlyConfigured, match="in_autocommit"):
                self.call(phone, authenticator.code(), "/code-in-transaction/")
            self.call(phone, authenticator.wrong_code())
            assert FactorAllowance.objects.get().failures == 1
        finally:
            connection.settings_dict["ATOMIC_REQUESTS"] = False

    @proves("P8")
    def test_p8_where_secrets_cannot_be_read_it_is_503(self, phone, authenticator, set_jwt):
        set_jwt(MFA_ENCRYPTION_KEYS=["another key that has encrypted nothing so far"])
        assert self.call(phone, authenticator.code()).status_code == 503


def test_a_step_up_by_hand_is_one_call(phone):
    access = sessions.prove_again(phone.session, amr=["pwd", "hwk", "mfa"])
    phone.access = access
    assert phone.get("/second-factor/").status_code == 200
