"""What views ask and cost in cached mode: who may come in, and what a touch of the user refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import close_old_connections

from tests.authenticators import enroll
from tests.cached import Process, revoke_now

proves = pytest.mark.proves

pytest_plugins = ["tests.cached_fixtures"]
pytestmark = pytest.mark.django_db(transaction=True)


@proves("P12")
@pytest.mark.parametrize(
    ("path", "queries"),
    [("/untouched/", 0), ("/session/", 0), ("/recent/", 0), ("/name/", 1), ("/protected/", 1)],
)
def test_p12_a_request_costs_what_its_view_touches(phone, other, path, queries):
    other.ask(phone)
    assert other.ask(phone, path) == (200, queries)


def deactivate(rows):
    rows.update(is_active=False)


def change_password(rows):
    rows.update(password="!")


@proves("P1", "V2")
@pytest.mark.parametrize("change", [deactivate, change_password])
def test_v2_a_raw_change_is_refused_when_the_user_is_touched_and_at_refresh(
    change, phone, alice, other
):
    other.ask(phone)
    change(get_user_model().objects.filter(pk=alice.pk))
    assert other.ask(phone) == (200, 0)  # nothing tells of it
    for path in ("/name/", "/protected/", "/precious/"):
        assert other.ask(phone, path) == (401, 1)
        assert phone.get(path).json()["code"] == "token_not_valid"
    assert phone.refresh().status_code == 401


@proves("P1", "V1", "V2")
def test_p1_the_class_for_what_is_precious_asks_the_database_at_once(phone, alice, other):
    assert other.ask(phone, "/precious/") == (200, 1)
    deactivate(get_user_model().objects.filter(pk=alice.pk))
    assert other.ask(phone, "/precious/") == (401, 1)


@proves("P1", "V1")
def test_p1_what_touches_is_refused_though_nobody_told_of_the_revocation(phone, other, store):
    other.ask(phone)
    revoke_now(phone)
    store.forget(phone.sid)
    assert other.ask(phone) == (200, 0)
    assert other.ask(phone, "/name/") == (401, 1)


def test_a_touch_while_the_database_is_away_is_a_503(phone, other, line, caplog):
    other.ask(phone)
    line.cut()
    with other.at_work():
        assert phone.get("/untouched/").status_code == 200
        answer = phone.get("/name/")
    close_old_connections()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    line.mend()
    close_old_connections()
    assert other.ask(phone, "/name/").status == 200


@proves("P12")
def test_p12_a_proof_that_is_too_old_is_found_without_a_query(phone, other, set_jwt, clock):
    set_jwt(RECENT_LOGIN_MAX_AGE=timedelta(seconds=60))
    other.ask(phone)
    clock.shift(61)
    assert other.ask(phone, "/recent/") == (401, 0)


def test_a_second_factor_and_its_codes_open_what_asks_for_them(phone, other, store, clock):
    other.ask(phone)
    assert other.ask(phone, "/second-factor/").status == 401
    app = enroll(phone)
    assert other.ask(phone, "/second-factor/") == (200, 1)
    clock.shift(30)
    with other.at_work():
        headers = {"authorization": f"Bearer {phone.access}", "x-otp-code": app.code()}
        assert phone.http.post("/code/", headers=headers).status_code == 200
        assert phone.http.post("/code/", headers=headers).status_code == 401


def test_who_must_have_a_second_factor_and_has_none_is_kept_out(phone, other, set_jwt):
    set_jwt(MFA_REQUIRED=lambda user: True)
    assert other.ask(phone).status == 403
    enroll(phone)
    other.ask(phone)
    assert other.ask(phone) == (200, 0)


def test_another_process_with_no_cache_at_all_lets_the_same_people_in(phone, store, shared_redis):
    store.client.flushall()
    assert Process().ask(phone) == (200, 1)
