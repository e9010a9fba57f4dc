"""Limits on sign-in and refresh: guessing is capped, honest people are not."""

from __future__ import annotations

import logging
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_login_failed
from django.core.cache import cache
from django.db import connection
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from jwt_sessions.clients import address_key
from jwt_sessions.conf import conf
from jwt_sessions.rates import parse_rate
from jwt_sessions.throttling import SettlesThrottles, SignInThrottle, _has_signed_in
from tests.people import Device, make_user
from tests.servers import RedisServer

proves = pytest.mark.proves


def device_at(address):
    device = Device()
    device.http.defaults["REMOTE_ADDR"] = address
    return device


def statuses(device, user, password, times):
    return [device.sign_in(user, password).status_code for _ in range(times)]


@pytest.fixture
def limits(set_jwt):
    """Set some rates, and turn all others off."""

    def set_rates(**rates):
        off = dict.fromkeys(("sign_in", "sign_in_account", "refresh", "refresh_session"))
        set_jwt(THROTTLE_RATES={**off, **rates})

    return set_rates


@pytest.fixture
def redis_server(settings):
    """A Redis of this test's own, as the default cache."""
    server = RedisServer()
    settings.CACHES = server.caches
    yield server
    server.kill()


def test_the_rates_by_default_are_those_that_the_docs_name():
    minute, hour = 60, 3_600
    assert {
        "sign_in": (30, minute),
        "sign_in_account": (20, hour),
        "second_factor": (60, minute),
        "message_address": (20, 24 * hour),
        "refresh": (120, minute),
        "refresh_session": (300, minute),
    } == conf.THROTTLE_RATES


def test_a_scope_that_is_not_named_keeps_its_rate(set_jwt):
    set_jwt(THROTTLE_RATES={"refresh": "1/s"})
    assert (conf.THROTTLE_RATES["refresh"], conf.THROTTLE_RATES["sign_in"]) == ((1, 1), (30, 60))


@pytest.mark.parametrize(
    ("periods", "seconds"),
    [("s sec", 1), ("m min", 60), ("h hour", 3_600), ("d day", 86_400)],
)
def test_a_rate_is_written_as_in_rest_framework(periods, seconds):
    for period in periods.split():
        assert parse_rate(f"7/{period}") == (7, seconds)


def test_by_default_thirty_failures_of_a_caller_in_a_minute_are_enough(alice, bob):
    device = Device()
    assert statuses(device, alice, "wrong", 15) == [401] * 15
    assert statuses(device, bob, "wrong", 15) == [401] * 15
    assert device.sign_in(alice).status_code == 429


def test_a_429_has_a_code_and_says_when_and_then_it_works(alice, limits, clock):
    limits(sign_in="1/min")
    clock.shift(timedelta(seconds=20.5))
    device = Device()
    assert statuses(device, alice, "wrong", 1) == [401]
    answer = device.sign_in(alice)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer["Retry-After"] == "40"
    clock.shift(timedelta(seconds=40))
    assert device.sign_in(alice).status_code == 200


def test_a_successful_sign_in_does_not_use_up_the_allowance(alice, limits):
    limits(sign_in="2/min", sign_in_account="2/hour")
    device = Device()
    assert statuses(device, alice, "alice", 5) == [200] * 5
    assert statuses(device, alice, "wrong", 3) == [401, 401, 429]


def test_what_is_no_guess_does_not_use_it_up_either(alice, limits):
    limits(sign_in="1/min", sign_in_account="1/hour")
    device = Device()
    assert [device.post("token/", body).status_code for body in ({}, [], "x")] == [400] * 3
    assert device.sign_in(alice).status_code == 200


def test_an_account_is_guarded_against_guesses_from_everywhere(alice, limits):
    limits(sign_in_account="20/hour")
    found = [device_at(f"203.0.113.{n}").sign_in(alice, "wrong").status_code for n in range(21)]
    assert found == [401] * 20 + [429]


def test_accounts_that_do_not_exist_are_limited_alike(alice, limits):
    limits(sign_in_account="1/hour")
    nobody = type(alice)(**{type(alice).USERNAME_FIELD: "Nobody@example.com"})
    assert statuses(Device(), nobody, "wrong", 2) == [401, 429]


def test_another_spelling_of_the_name_is_the_same_account(alice, limits):
    limits(sign_in_account="2/hour")
    field = type(alice).USERNAME_FIELD
    name = alice.get_username()
    others = [name.upper(), name.replace("alice", "ａｌｉｃｅ"), name.replace("alice", "álicé")]
    others += [f" {name}", f"{name}\t", f"\u3000{name} ", f"al\u200b{name[2:]}"]
    for other in others:
        cache.clear()
        bodies = [{field: called, "password": "wrong"} for called in (name, name, other)]
        found = [Device().post("token/", body).status_code for body in bodies]
        assert found == [401, 401, 429]


def test_a_name_sent_as_a_number_is_the_account_of_that_name(alice, limits):
    limits(sign_in_account="1/hour")
    field = type(alice).USERNAME_FIELD
    bodies = [{field: name, "password": "wrong"} for name in ("12345", 12345, 777)]
    found = [Device().post("token/", body).status_code for body in bodies]
    assert found == [401, 429, 401]


def test_a_name_that_the_field_cannot_hold_is_limited_like_any_other(db, limits, monkeypatch):
    limits(sign_in_account="1/hour")
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
    if get_user_model()._meta.pk.name != "id":
        pytest.skip("this user model has no id, only text")
    bodies = [{"id": "no id at all", "password": "wrong"}] * 2
    assert [Device().post("token/", body).status_code for body in bodies] == [400, 400]
    assert not _has_signed_in("no id at all", "0" * 32)


def test_a_name_too_long_to_be_one_is_not_normalized(alice, limits, monkeypatch):
    limits(sign_in_account="1/hour")
    seen, normalize = [], unicodedata.normalize
    monkeypatch.setattr(
        unicodedata, "normalize", lambda form, text: seen.append(len(text)) or normalize(form, text)
    )
    body = {type(alice).USERNAME_FIELD: "a" + "\u0300\u0316" * 15_000, "password": "wrong"}
    assert [Device().post("token/", body).status_code for _ in range(2)] == [401, 429]
    assert max(seen, default=0) <= 254


def test_names_that_differ_by_their_case_in_any_language_are_the_same_account(alice, limits):
    limits(sign_in_account="1/hour")
    model = type(alice)
    names = ("strauß@example.com", "STRAUSS@EXAMPLE.COM")
    people = [model(**{model.USERNAME_FIELD: name}) for name in names]
    assert [Device().sign_in(one, "wrong").status_code for one in people] == [401, 429]


def test_strangers_cannot_lock_people_out_where_they_have_signed_in_before(alice, limits):
    limits(sign_in_account="3/hour")
    home, elsewhere = device_at("198.51.100.7"), device_at("203.0.113.5")
    assert home.sign_in(alice).status_code == 200
    assert statuses(elsewhere, alice, "wrong", 4) == [401, 401, 401, 429]
    assert home.sign_in(alice).status_code == 200
    assert statuses(home, alice, "wrong", 4) == [401, 401, 401, 429]


def test_that_holds_after_the_cache_was_lost(alice, limits):
    limits(sign_in_account="1/hour")
    home, elsewhere = device_at("2001:db8::1"), device_at("203.0.113.5")
    assert home.sign_in(alice).status_code == 200
    cache.clear()
    assert statuses(elsewhere, alice, "wrong", 2) == [401, 429]
    assert device_at("2001:db8::2").sign_in(alice).status_code == 200


def test_no_other_method_makes_a_network_known_or_counts(alice, limits):
    limits(sign_in="1/min", sign_in_account="1/hour")
    name = {type(alice).USERNAME_FIELD: alice.get_username()}
    for number in range(3):
        device = device_at(f"203.0.113.{number}")
        assert device.http.options("/api/auth/token/", name, format="json").status_code == 200
    found = [device_at(f"203.0.113.{n}").sign_in(alice, "wrong").status_code for n in range(3)]
    assert found == [401, 429, 429]


def test_callers_whose_address_nobody_knows_are_not_taken_for_one(alice, bob, limits):
    limits(sign_in="1/min", sign_in_account="2/hour")
    device = device_at("")
    assert statuses(device, alice, "wrong", 3) == [401, 401, 429]
    assert device.sign_in(bob).status_code == 200


@pytest.mark.parametrize("end", [RuntimeError, SystemExit])
def test_a_sign_in_that_ends_without_an_answer_is_given_back(alice, limits, settings, end, caplog):
    settings.AUTHENTICATION_BACKENDS = ["tests.test_throttling.SlowBackend"]
    limits(sign_in="1/min", sign_in_account="1/hour")

    def fail():
        raise end("of the backend")

    SlowBackend.meanwhile = fail
    with pytest.raises(end):
        Device().sign_in(alice)
    assert Device().sign_in(alice).status_code == 200


def test_a_known_network_is_known_to_its_own_account_only(alice, bob, limits):
    limits(sign_in_account="1/hour")
    home, first, second = (device_at(f"203.0.113.{n}") for n in (7, 8, 9))
    found = [home.sign_in(alice), first.sign_in(bob), second.sign_in(bob)]
    assert [answer.status_code for answer in found] == [200, 200, 200]
    found = [device.sign_in(alice, "wrong").status_code for device in (first, second)]
    assert found == [401, 429]


def test_each_known_network_of_an_account_has_its_own_allowance(alice, limits):
    limits(sign_in_account="1/hour")
    home, office = device_at("198.51.100.7"), device_at("203.0.113.5")
    for device in (home, office):
        device.sign_in(alice)
    # One of everybody's allowance, one of the office's own.
    assert statuses(office, alice, "wrong", 3) == [401, 401, 429]
    assert home.sign_in(alice).status_code == 200


def test_people_of_one_known_network_have_an_allowance_each(alice, bob, limits):
    limits(sign_in_account="1/hour")
    home = device_at("198.51.100.7")
    for person in (alice, bob):
        home.sign_in(person)
    assert statuses(home, alice, "wrong", 3) == [401, 401, 429]
    assert home.sign_in(bob).status_code == 200


def test_no_name_can_pose_as_an_account_and_its_network(alice, limits):
    limits(sign_in_account="1/hour")
    home, elsewhere = device_at("198.51.100.7"), device_at("203.0.113.5")
    home.sign_in(alice)
    field, network = type(alice).USERNAME_FIELD, address_key("198.51.100.7")
    posing = type(alice)(**{field: f"{alice.get_username()}{network}"})
    assert statuses(elsewhere, posing, "wrong", 2) == [401, 429]
    assert statuses(elsewhere, alice, "wrong", 2) == [401, 429]
    assert home.sign_in(alice).status_code == 200


def test_a_network_is_known_for_thirty_days_after_the_last_sign_in_there(alice, limits, clock):
    limits(sign_in_account="1/day")
    home, elsewhere = device_at("198.51.100.7"), device_at("203.0.113.5")
    found = [home.sign_in(alice).status_code]
    for days in (29, 31):
        clock.shift(timedelta(days=days))
        assert statuses(elsewhere, alice, "wrong", 1) == [401]
        found.append(home.sign_in(alice).status_code)
    assert found == [200, 200, 429]


def test_what_was_counted_is_kept_until_its_window_ends(alice, limits, clock):
    limits(sign_in_account="1/day")
    assert statuses(Device(), alice, "wrong", 1) == [401]
    clock.shift(timedelta(hours=11, minutes=59))
    assert Device().sign_in(alice).status_code == 429


@proves("A5")
def test_a_caller_is_who_the_trusted_proxies_say(alice, limits, set_jwt):
    set_jwt(NUM_PROXIES=1)
    limits(sign_in="1/min")
    first, second = (
        Device(**{"x-forwarded-for": f"10.0.0.1, {address}"})
        for address in ("203.0.113.5", "203.0.113.6")
    )
    assert statuses(first, alice, "wrong", 2) == [401, 429]
    assert second.sign_in(alice).status_code == 200


@proves("A5")
def test_a_forged_header_buys_no_new_allowance(alice, limits):
    limits(sign_in="1/min")
    found = [
        Device(**{"x-forwarded-for": f"203.0.113.{n}"}).sign_in(alice, "wrong").status_code
        for n in range(2)
    ]
    assert found == [401, 429]


def test_the_operator_learns_that_all_callers_share_a_proxy(alice, limits, caplog):
    limits(sign_in="1/min")
    device = Device(**{"x-forwarded-for": "203.0.113.5"})
    with caplog.at_level(logging.WARNING, "jwt_sessions"):
        statuses(device, alice, "wrong", 2)
    assert "NUM_PROXIES is 0" in caplog.text


@pytest.mark.parametrize(("proxies", "name"), [(0, "x-other"), (1, "x-forwarded-for")])
def test_the_operator_is_not_told_where_all_is_well(alice, limits, set_jwt, caplog, proxies, name):
    set_jwt(NUM_PROXIES=proxies)
    limits(sign_in="1/min")
    with caplog.at_level(logging.WARNING, "jwt_sessions"):
        statuses(Device(**{name: "203.0.113.5"}), alice, "wrong", 2)
    assert "NUM_PROXIES" not in caplog.text


def test_the_addresses_of_one_ipv6_network_are_one_caller(alice, limits):
    limits(sign_in="1/min")
    addresses = ("2001:db8:0:7::1", "2001:db8:0:7:ffff::1", "2001:db8:0:8::1")
    found = [device_at(address).sign_in(alice, "wrong").status_code for address in addresses]
    assert found == [401, 429, 401]


class SlowBackend(ModelBackend):
    """Lets something happen while it looks at a password."""

    meanwhile = None

    def authenticate(self, request, **given):
        if SlowBackend.meanwhile:
            happen, SlowBackend.meanwhile = SlowBackend.meanwhile, None
            happen()
        return super().authenticate(request, **given)


@pytest.mark.parametrize("scope", ["sign_in", "sign_in_account"])
def test_where_sign_ins_under_way_fill_the_allowance_the_wait_is_short(
    alice, limits, settings, scope
):
    settings.AUTHENTICATION_BACKENDS = ["tests.test_throttling.SlowBackend"]
    limits(**{scope: "1/hour"})
    seen = []
    SlowBackend.meanwhile = lambda: seen.append(Device().sign_in(alice))
    assert Device().sign_in(alice).status_code == 200
    assert (seen[0].status_code, seen[0]["Retry-After"]) == (429, "1")
    assert Device().sign_in(alice).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_many_guesses_at_once_are_no_more_than_the_rate_allows(limits, request, kind, heard):
    if kind == "redis":
        request.getfixturevalue("redis_server")
    limits(sign_in="10/min", sign_in_account="5/hour")
    alice, tried = make_user("alice"), heard(user_login_failed)

    def guess(number):
        try:
            return Device().sign_in(alice, f"guess {number}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(30) as pool:
        found = list(pool.map(guess, range(30)))
    assert sorted(found) == [401] * 5 + [429] * 25
    assert len(tried) == 5


@proves("P8")
def test_p8_without_its_cache_nobody_signs_in_and_who_is_in_carries_on(
    alice, phone, redis_server, caplog
):
    redis_server.kill()
    answer = Device().sign_in(alice)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0
    assert "a sign-in cannot be counted" in caplog.text
    assert phone.call_protected().status_code == 200
    assert [phone.refresh(token).status_code for token in ("bad", None)] == [401, 200]
    assert "a refresh cannot be counted" in caplog.text
    redis_server.start()
    assert Device().sign_in(alice).status_code == 200


@proves("P8")
def test_a_cache_lost_while_the_password_is_proven_loses_no_sign_in(
    alice, redis_server, settings, caplog
):
    settings.AUTHENTICATION_BACKENDS = ["tests.test_throttling.SlowBackend"]
    SlowBackend.meanwhile = redis_server.kill
    assert Device().sign_in(alice).status_code == 200
    assert "the outcome of a sign-in cannot be counted" in caplog.text


def test_a_cache_flushed_while_the_password_is_proven_is_no_trouble(alice, settings, caplog):
    settings.AUTHENTICATION_BACKENDS = ["tests.test_throttling.SlowBackend"]
    SlowBackend.meanwhile = cache.clear
    assert Device().sign_in(alice).status_code == 200
    assert not caplog.records


def test_without_limits_no_cache_is_asked(alice, limits, redis_server, caplog):
    limits()
    redis_server.kill()
    device = Device()
    assert [device.sign_in(alice).status_code, device.refresh().status_code] == [200, 200]
    assert not caplog.records


def test_a_flushed_cache_starts_to_count_anew(alice, limits):
    limits(sign_in="1/min")
    device = Device()
    assert statuses(device, alice, "wrong", 2) == [401, 429]
    cache.clear()
    assert device.sign_in(alice).status_code == 200


def test_a_cache_that_keeps_nothing_limits_nobody(alice, limits, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    limits(sign_in="1/min", refresh="1/min", refresh_session="1/min")
    device = Device()
    assert statuses(device, alice, "wrong", 3) == [401] * 3
    assert device.sign_in(alice).status_code == 200
    assert [device.refresh().status_code for _ in range(3)] == [200] * 3


def test_a_scope_or_all_of_them_can_be_turned_off(alice, limits, set_jwt):
    limits()
    assert statuses(Device(), alice, "wrong", 40) == [401] * 40
    set_jwt(THROTTLE_RATES=None)
    assert statuses(Device(), alice, "wrong", 40) == [401] * 40


def test_the_cache_learns_neither_name_nor_address(alice, limits, redis_server):
    limits(sign_in="10/min", sign_in_account="10/hour")
    statuses(Device(), alice, "wrong", 1)
    statuses(Device(), alice, "alice", 1)
    keys = b" ".join(cache._cache.get_client().keys("*"))
    assert keys.count(b"jwt_sessions:throttle") >= 3
    assert b"alice" not in keys
    assert b"127.0.0.1" not in keys


def test_the_cache_forgets_all_of_it_by_itself(alice, limits, redis_server):
    limits(sign_in="10/min", sign_in_account="10/hour", refresh="10/min", refresh_session="10/min")
    device = Device()
    assert statuses(device, alice, "alice", 1) + statuses(device, alice, "wrong", 1) == [200, 401]
    assert [device.refresh().status_code, device.refresh("bad").status_code] == [200, 401]
    client = cache._cache.get_client()
    assert [key for key in client.keys("*") if client.ttl(key) < 0] == []


class TestRefresh:
    @pytest.mark.parametrize(("scope", "token"), [("refresh", "bad"), ("refresh_session", None)])
    def test_a_429_says_when_and_then_it_works(self, phone, limits, clock, scope, token):
        limits(**{scope: "1/min"})
        clock.shift(timedelta(seconds=20))
        phone.refresh(token)
        answer = phone.refresh(token)
        assert (answer.status_code, answer["Retry-After"]) == (429, "40")
        clock.shift(timedelta(seconds=40))
        assert phone.refresh(token).status_code != 429

    def test_what_is_no_token_is_limited_by_caller(self, phone, limits, clock):
        limits(refresh="2/min")
        assert [phone.refresh("bad").status_code for _ in range(3)] == [401, 401, 429]
        clock.shift(timedelta(minutes=1))
        assert phone.refresh("bad").status_code == 401

    def test_a_good_token_is_not_refused_for_what_others_there_present(self, phone, limits):
        limits(refresh="1/min", refresh_session="60/min")
        stranger, lost = Device(), phone.refresh_token
        assert phone.refresh().status_code == 200
        assert [stranger.refresh("bad").status_code for _ in range(2)] == [401, 429]
        assert phone.refresh(lost).status_code == 200
        assert not phone.session.is_revoked

    def test_without_limits_a_token_is_read_once(self, phone, limits, monkeypatch):
        limits()
        monkeypatch.setattr("jwt_sessions.throttling.parse_refresh_token", None)
        assert phone.refresh().status_code == 200

    def test_a_session_that_refreshes_without_pause_is_slowed_and_no_other(
        self, phone, laptop, limits, clock
    ):
        limits(refresh_session="2/min")
        assert [phone.refresh().status_code for _ in range(3)] == [200, 200, 429]
        assert laptop.refresh().status_code == 200
        clock.shift(timedelta(minutes=1))
        assert phone.refresh().status_code == 200

    def test_a_forged_token_uses_up_nobodys_allowance(self, phone, limits):
        limits(refresh_session="1/min")
        forged = phone.refresh_token[:-4] + "AAAA"
        assert [phone.refresh(forged).status_code for _ in range(3)] == [401] * 3
        assert phone.refresh().status_code == 200


class RefuseAll(BaseThrottle):
    def allow_request(self, request, view):
        return False


def test_the_projects_own_throttles_are_obeyed_too(alice, monkeypatch):
    monkeypatch.setattr(APIView, "throttle_classes", [RefuseAll])
    answer = Device().sign_in(alice)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")


class SignInOfTheProject(SettlesThrottles, APIView):
    """What a project writes that signs in another way."""

    authentication_classes: list = []
    throttle_classes = [RefuseAll, SignInThrottle]

    def post(self, request):
        if request.data["password"] != "right":
            raise AuthenticationFailed
        return Response()


def test_a_view_of_the_projects_own_can_be_limited(db, limits, monkeypatch):
    limits(sign_in="1/min")
    monkeypatch.setattr(SignInOfTheProject, "throttle_classes", [SignInThrottle])
    view = SignInOfTheProject.as_view()

    def send(password):
        return view(APIRequestFactory().post("/", {"password": password})).status_code

    assert [send("right"), send("right"), send("wrong"), send("right")] == [200, 200, 403, 429]


def test_a_view_whose_other_throttle_refuses_settles_too(db):
    view = SignInOfTheProject.as_view()
    assert view(APIRequestFactory().post("/", {"password": "right"})).status_code == 429
