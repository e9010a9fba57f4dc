"""MFA_REQUIRED: who must have a second factor."""

from __future__ import annotations

import pytest

from tests.authenticators import enroll
from tests.people import Device

proves = pytest.mark.proves

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def everybody_must(set_jwt):
    set_jwt(MFA_REQUIRED=lambda user: True)


def test_who_has_none_is_told_so_at_sign_in(alice):
    answer = Device().sign_in(alice)
    assert (answer.status_code, answer.json()["code"]) == (200, "mfa_enrollment_required")


@proves("P9", "M10")
def test_p9_their_session_opens_nothing(phone):
    answer = phone.call_protected()
    assert (answer.status_code, answer.json()["code"]) == (403, "mfa_enrollment_required")
    assert phone.get("/api/auth/sessions/").status_code == 403
    assert phone.post("sessions/revoke-all/").status_code == 403


def test_but_enrollment_and_the_way_out(phone):
    assert phone.get("/api/auth/mfa/").json()["required"] is True
    assert phone.post("logout/").status_code == 204


def test_once_enrolled_the_fresh_token_opens_everything(phone):
    enroll(phone)
    assert phone.call_protected().status_code == 200
    assert phone.refresh().status_code == 200
    assert phone.call_protected().status_code == 200


@proves("M10")
def test_a_session_from_before_must_step_up(phone, laptop, clock):
    app = enroll(phone)
    clock.shift(30)
    answer = laptop.call_protected()
    assert (answer.status_code, answer.json()["acr_values"]) == (401, "aal2")
    laptop.access = laptop.post("token/step-up/", {"code": app.code()}).json()["access"]
    assert laptop.call_protected().status_code == 200


@proves("M10")
def test_a_refresh_is_no_way_around(phone):
    phone.refresh()
    assert phone.call_protected().status_code == 403


def test_the_last_factor_stays(phone):
    app = enroll(phone)
    answer = phone.delete(f"mfa/devices/{app.id}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_factor")
    assert len(phone.get("/api/auth/mfa/").json()["devices"]) == 1


def test_one_of_two_may_go(phone):
    first, _ = enroll(phone), enroll(phone)
    assert phone.delete(f"mfa/devices/{first.id}/").status_code == 204


def test_others_need_none(alice, bob, set_jwt):
    set_jwt(MFA_REQUIRED=lambda user: user.pk == alice.pk)
    device = Device()
    device.sign_in(bob)
    assert device.call_protected().status_code == 200


@proves("P12")
def test_p12_who_has_proven_two_factors_costs_no_query_more(phone, django_assert_num_queries):
    enroll(phone)
    with django_assert_num_queries(1):
        assert phone.call_protected().status_code == 200


@proves("P12")
def test_p12_who_has_proven_one_factor_costs_one_query_more(phone, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert phone.call_protected().status_code == 403


def test_it_may_be_a_dotted_path(phone, set_jwt):
    set_jwt(MFA_REQUIRED="tests.test_mfa_required.nobody")
    assert phone.call_protected().status_code == 200


def nobody(user):
    return False
