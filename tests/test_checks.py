"""P11: a half-configured installation is refused, never silently weaker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import checks
from django.db import connections
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.settings import DEFAULTS

from jwt_sessions.checks.database import mariadb_sorts_ids_by_time, sorts_ids_by_time
from tests.checking import problems

pytestmark = pytest.mark.proves("P11", "R10")


def test_the_settings_of_the_readme_are_fine():
    assert problems() == {}


def test_p11_an_unknown_key_is_named_with_the_nearest_known_one(set_jwt):
    set_jwt(ACESS_TOKEN_LIFETIME=timedelta(1))
    assert problems()["jwt_sessions.E001"].hint == "Did you mean ACCESS_TOKEN_LIFETIME?"


def test_p11_an_unknown_key_that_is_near_to_nothing(set_jwt):
    set_jwt(XYZZY=1)
    assert "docs" in problems()["jwt_sessions.E001"].hint


@pytest.mark.parametrize("name", ["ACCESS_TOKEN_LIFETIME", "SESSION_LIFETIME", "LEEWAY"])
@pytest.mark.parametrize(
    "value", [300, "5 minutes", None, True, timedelta(seconds=-1), timedelta(4e6)]
)
def test_p11_a_duration_is_a_timedelta(set_jwt, name, value):
    set_jwt(**{name: value})
    assert name in problems()["jwt_sessions.E002"].msg


@pytest.mark.parametrize("name", ["REFRESH_GRACE_PERIOD", "LEEWAY"])
def test_some_durations_may_be_zero(set_jwt, name):
    set_jwt(**{name: timedelta(0)})
    assert problems() == {}


@pytest.mark.parametrize("name", ["REFRESH_GRACE_PERIOD", "LEEWAY"])
def test_p11_what_softens_a_rule_does_so_for_minutes(set_jwt, name):
    set_jwt(**{name: timedelta(minutes=6)})
    assert "jwt_sessions.E002" in problems()


def test_p11_a_lifetime_may_not_be_zero(set_jwt):
    set_jwt(ACCESS_TOKEN_LIFETIME=timedelta(0))
    assert "jwt_sessions.E002" in problems()


def test_simplejwts_leeway_may_be_a_number(settings):
    settings.SIMPLE_JWT = {"LEEWAY": 5, "ROTATE_REFRESH_TOKENS": True}
    assert problems() == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROTATE_REFRESH_TOKENS", "yes"),
        ("ISSUER", 7),
        ("ALGORITHM", None),
        ("USER_ID_CLAIM", None),
        ("USER_ID_CLAIM", ""),
        ("USER_ID_FIELD", 7),
        ("TOKEN_TYPE_CLAIM", 7),
        ("AUTH_HEADER_NAME", None),
        ("AUTH_HEADER_NAME", "Authorization"),
        ("AUDIENCE", [7]),
        ("AUTH_HEADER_TYPES", [""]),
        ("AUTH_HEADER_TYPES", ()),
        ("NUM_PROXIES", None),
        ("NUM_PROXIES", -1),
        ("NUM_PROXIES", True),
    ],
)
def test_p11_a_value_of_the_wrong_type_is_refused(set_jwt, name, value):
    set_jwt(**{name: value})
    assert name in problems()["jwt_sessions.E003"].msg


@pytest.mark.parametrize("value", [["ISSUER"], None, "ISSUER"])
def test_p11_the_setting_is_a_dict(settings, value):
    settings.JWT_SESSIONS = value
    assert "not a dict" in problems()["jwt_sessions.E013"].msg


@pytest.mark.parametrize("issuer", [None, ""])
def test_p11_an_issuer_is_asked_for_with_what_to_write(set_jwt, issuer):
    set_jwt(ISSUER=issuer)
    assert "JWT_SESSIONS = {" in problems()["jwt_sessions.E004"].hint


def test_p11_a_key_that_cannot_serve_is_refused(set_jwt):
    set_jwt(SIGNING_KEY="short")
    assert "needs at least 32" in problems()["jwt_sessions.E005"].msg


def test_p11_whoever_comes_from_simplejwt_chooses_about_rotation(settings, set_jwt):
    settings.SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=1)}
    assert "jwt_sessions.E006" in problems()
    set_jwt(ROTATE_REFRESH_TOKENS=True)
    assert problems() == {}


@pytest.mark.parametrize(
    "name",
    [
        "SLIDING_TOKEN_LIFETIME",
        "TOKEN_OBTAIN_SERIALIZER",
        "TOKEN_REFRESH_SERIALIZER",
        "JWK_URL",
        "AUTH_TOKEN_CLASSES",
    ],
)
def test_p11_what_simplejwt_can_and_we_cannot_is_refused_with_a_way_out(settings, name):
    settings.SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, name: "something"}
    found = problems()["jwt_sessions.E007"]
    assert name in found.msg
    assert "remove it" in found.hint


@pytest.mark.parametrize(
    "name", ["BLACKLIST_AFTER_ROTATION", "CHECK_REVOKE_TOKEN", "UPDATE_LAST_LOGIN"]
)
def test_what_simplejwt_asks_and_we_always_do_is_a_warning(settings, name):
    settings.SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, name: True}
    assert name in problems()["jwt_sessions.W001"].msg


def test_what_simplejwt_leaves_off_is_no_matter(settings):
    settings.SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "JWK_URL": None}
    assert problems() == {}


@pytest.mark.parametrize("field", ["is_active", "nonsense"])
def test_p11_a_user_is_named_by_a_unique_field(set_jwt, field):
    set_jwt(USER_ID_FIELD=field)
    assert "jwt_sessions.E008" in problems()


@pytest.mark.parametrize("rule", ["no.such.rule", "tests.test_checks", 7])
def test_p11_a_rule_can_be_called(set_jwt, rule):
    set_jwt(USER_AUTHENTICATION_RULE=rule)
    assert "jwt_sessions.E009" in problems()


@pytest.mark.parametrize("name", ["USER_ID_CLAIM", "JTI_CLAIM", "TOKEN_TYPE_CLAIM"])
@pytest.mark.parametrize("claim", ["sid", "sub", "jti", "cnf"])
def test_p11_no_claim_is_lent_another_meaning(set_jwt, name, claim):
    set_jwt(**{name: claim})
    fits = {("USER_ID_CLAIM", "sub"), ("JTI_CLAIM", "jti")}
    assert ("jwt_sessions.E010" in problems()) == ((name, claim) not in fits)


def test_p11_simplejwts_claims_have_names_of_their_own(set_jwt):
    set_jwt(TOKEN_TYPE_CLAIM="user_id")
    assert "jwt_sessions.E015" in problems()
    set_jwt(TOKEN_TYPE_CLAIM=None, JTI_CLAIM=None)
    assert problems() == {}


@pytest.mark.django_db(databases=["default", "accounts"])
def test_p11_sessions_live_beside_their_users(settings):
    settings.DATABASE_ROUTERS = ["tests.test_checks.SessionsApart"]
    assert "jwt_sessions.E011" in problems()


class SessionsApart:
    def db_for_write(self, model, **hints):
        return "accounts" if model._meta.app_label == "jwt_sessions" else "default"


def test_p11_simplejwts_class_would_let_revoked_sessions_in(settings):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "rest_framework_simplejwt.authentication.JWTAuthentication"
        ]
    }
    assert "does not ask" in problems()["jwt_sessions.E012"].msg


def test_p11_a_subclass_of_simplejwts_class_would_too(settings):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["tests.test_checks.OurOwnJWTAuthentication"]
    }
    assert "OurOwnJWTAuthentication" in problems()["jwt_sessions.E012"].msg


class OurOwnJWTAuthentication(JWTAuthentication):
    """What projects write."""


def test_p11_times_have_zones(settings):
    settings.USE_TZ = False
    assert "USE_TZ" in problems()["jwt_sessions.E014"].msg


def test_simplejwts_own_defaults_written_out_are_no_matter(settings):
    settings.SIMPLE_JWT = {**DEFAULTS, "ROTATE_REFRESH_TOKENS": True}
    settings.SIMPLE_JWT["AUTH_TOKEN_CLASSES"] = list(DEFAULTS["AUTH_TOKEN_CLASSES"])
    del settings.SIMPLE_JWT["USER_ID_FIELD"]
    assert problems() == {}


@pytest.mark.parametrize("seconds", [301, -1, float("nan"), float("inf")])
def test_p11_simplejwts_leeway_has_its_limits(settings, seconds):
    settings.SIMPLE_JWT = {"LEEWAY": seconds, "ROTATE_REFRESH_TOKENS": True}
    assert "jwt_sessions.E002" in problems()


def test_lifetimes_that_cut_each_other_short_are_a_warning(set_jwt):
    set_jwt(REFRESH_TOKEN_LIFETIME=timedelta(days=31))
    assert "jwt_sessions.W002" in problems()


def test_rotation_turned_off_is_a_warning(set_jwt):
    set_jwt(ROTATE_REFRESH_TOKENS=False)
    assert "jwt_sessions.W003" in problems()


def test_deploy_asks_for_a_key_of_its_own(settings, set_jwt):
    set_jwt(THROTTLE_RATES=None)
    settings.SECURE_SSL_REDIRECT = True
    assert "jwt_sessions.W004" in problems(deploy=True)
    set_jwt(SIGNING_KEY=settings.SECRET_KEY)
    assert "jwt_sessions.W005" in problems(deploy=True)
    set_jwt(SIGNING_KEYS=[{"key": settings.SECRET_KEY}], SIGNING_KEY=None)
    assert "jwt_sessions.W005" in problems(deploy=True)
    set_jwt(SIGNING_KEYS=None)
    set_jwt(SIGNING_KEY="a key of its own that is long enough to serve")
    set_jwt(MFA_ENCRYPTION_KEYS=["another key that is long enough to serve"])
    assert not problems(deploy=True)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("locmem.LocMemCache", "each process counts for itself"),
        ("dummy.DummyCache", "nothing is counted"),
        ("db.DatabaseCache", "counted as one"),
        ("filebased.FileBasedCache", "counted as one"),
        ("redis.RedisCache", None),
    ],
)
def test_deploy_asks_for_a_cache_that_can_count(settings, set_jwt, tmp_path, kind, problem):
    backend = f"django.core.cache.backends.{kind}"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}
    said = problems(deploy=True).get("jwt_sessions.W007")
    assert (said is None) is (problem is None)
    assert said is None or problem in said.msg
    set_jwt(THROTTLE_RATES=None)
    assert "jwt_sessions.W007" not in problems(deploy=True)


def test_deploy_asks_for_it_as_long_as_anything_is_counted(set_jwt):
    set_jwt(THROTTLE_RATES={"sign_in": None})
    assert "jwt_sessions.W007" in problems(deploy=True)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"MAX_SESSIONS_PER_USER": 0}, "E003"),
        ({"MAX_SESSIONS_PER_USER": True}, "E003"),
        ({"MAX_SESSIONS_PER_USER": "5"}, "E003"),
        ({"MAX_SESSIONS_PER_USER": 5, "SESSION_LIMIT_POLICY": "end_newest"}, "E003"),
        ({"SESSION_LIMIT_POLICY": "refuse"}, "W006"),
        ({"THROTTLE_RATES": "10/min"}, "E016"),
        ({"THROTTLE_RATES": {"signin": "10/min"}}, "E016"),
        ({"THROTTLE_RATES": {"sign_in": "often"}}, "E016"),
        ({"THROTTLE_RATES": {"sign_in": "10/minimum"}}, "E016"),
        ({"THROTTLE_RATES": {"sign_in": "0/min"}}, "E016"),
        ({"THROTTLE_RATES": {"sign_in": "1000000000/min"}}, "E016"),
        ({"THROTTLE_RATES": {"sign_in": 10}}, "E016"),
        ({"THROTTLE_RATES": {"sign_in": ["10/min"]}}, "E016"),
    ],
)
def test_limits_that_cannot_serve_are_named(set_jwt, values, problem):
    set_jwt(**values)
    assert set(problems()) == {f"jwt_sessions.{problem}"}


@pytest.mark.parametrize(
    ("scope", "hint"),
    [("signin", "Did you mean sign_in?"), ("xyzzy", "There are sign_in, "), (7, "There are ")],
)
def test_an_unknown_scope_is_answered_with_the_known_ones(set_jwt, scope, hint):
    set_jwt(THROTTLE_RATES={scope: "10/min"})
    assert problems()["jwt_sessions.E016"].hint.startswith(hint)


@pytest.mark.parametrize("maximum", [1, 5])
def test_limits_that_can_serve_pass(set_jwt, maximum):
    rates = {"sign_in": None, "refresh": "1/s"}
    set_jwt(MAX_SESSIONS_PER_USER=maximum, SESSION_LIMIT_POLICY="refuse", THROTTLE_RATES=rates)
    assert not problems()


@pytest.mark.parametrize(
    ("version", "sorts"),
    [
        ((10, 6, 18), True),
        ((10, 7, 1), False),
        ((10, 11, 4), False),
        ((10, 11, 5), True),
        ((11, 0, 2), False),
        ((11, 0, 3), True),
        ((12, 1, 0), True),
    ],
)
def test_a_mariadb_that_sorts_session_ids_otherwise_is_refused(version, sorts):
    assert sorts_ids_by_time(version) is sorts


@pytest.fixture
def old_mariadb(monkeypatch):
    """The default database says that it is a MariaDB that sorts otherwise."""
    for name, value in {"mysql_is_mariadb": True, "mysql_version": (10, 11, 4)}.items():
        monkeypatch.setattr(connections["default"], name, value, raising=False)


def test_an_old_mariadb_is_named_with_its_version(db, old_mariadb):
    (said,) = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    assert said.id == "jwt_sessions.E017"
    assert said.msg.startswith("MariaDB 10.11.4 ")


def test_a_database_that_may_not_be_asked_is_not_judged(old_mariadb):
    assert not checks.run_checks(tags=[checks.Tags.database], databases=[])


def test_a_database_without_our_sessions_is_not_judged(old_mariadb, settings):
    settings.DATABASE_ROUTERS = ["tests.test_checks.SessionsApart"]
    assert not [*mariadb_sorts_ids_by_time(["default"])]


def test_the_database_of_this_run_sorts_session_ids_by_time(db):
    assert not checks.run_checks(tags=[checks.Tags.database], databases=["default"])
