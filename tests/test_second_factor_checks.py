"""P11: a half-configured second factor is refused, never silently weaker."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import checks
from django.db import connections
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from jwt_sessions.checks import second_factor
from jwt_sessions.conf import ENROLLABLE_METHODS, conf
from jwt_sessions.conf.second_factor import SecondFactorSettings
from jwt_sessions.models import EncryptedTOTP
from tests.checking import problems

pytestmark = pytest.mark.proves("P11")

OLD, NEW = "an-old-key-that-is-long-enough-" * 2, "a-new-key-that-is-long-enough-" * 2
NAMES = sorted(name for name in vars(SecondFactorSettings) if name.isupper())
DURATIONS = [
    "MFA_PENDING_LOGIN_LIFETIME",
    "MFA_LOCK_PERIOD",
    "MFA_MAX_LOCK_PERIOD",
    "MFA_MESSAGE_LIFETIME",
    "MFA_MESSAGE_INTERVAL",
    "RECENT_LOGIN_MAX_AGE",
]


class Loud:
    """A value that nothing can be done with but to show it."""

    def __repr__(self):
        return "<loud>"

    def __bool__(self):
        raise TypeError("neither true nor false")


GARBAGE = {
    "zero": 0,
    "minus one": -1,
    "many": 10**30,
    "half": 0.5,
    "nan": float("nan"),
    "decimal": Decimal(1),
    "empty text": "",
    "word": "garbage",
    "dots": "..a..b",
    "dot": ".a",
    "nul": "a\0.b",
    "surrogate": "\ud800" * 40,
    "no such module": "no_such_module.function",
    "no function": "os.sep",
    "bytes": b"bytes",
    "empty list": [],
    "list of lists": [[], {}],
    "list of None": [None],
    "dict": {"a": 1},
    "set": {1},
    "object": object(),
    "class": Loud,
    "true": True,
    "negative": timedelta(-1),
    "for ever": timedelta.max,
}


def complaints(check_id, *, deploy=False):
    """Return what is said under this id."""
    found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=deploy)
    return [item for item in found if item.id == f"jwt_sessions.{check_id}"]


def of_the_database(*databases):
    found = checks.run_checks(tags=[checks.Tags.database], databases=databases or ["default"])
    return {item.id.removeprefix("jwt_sessions."): item for item in found}


def test_settings_that_can_serve_pass(set_jwt):
    set_jwt(
        MFA_REQUIRED="tests.people.name_of",
        MFA_METHODS=["totp", "sms"],
        MFA_SMS_SENDER=print,
        MFA_ISSUER_NAME="Example",
        MFA_ENCRYPTION_KEYS=[NEW, OLD.encode()],
        MFA_PENDING_LOGIN_LIFETIME=timedelta(hours=1),
        MFA_MESSAGE_LIFETIME=timedelta(minutes=10),
        MFA_MESSAGE_INTERVAL=timedelta(seconds=1),
        MFA_MAX_FAILURES=100,
        MFA_MESSAGES_PER_DAY=1,
        SECURITY_MAILS=False,
    )
    assert problems() == {}


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE)
def test_no_garbage_is_a_crash(set_jwt, name, value):
    set_jwt(**{name: value})
    assert all(said.hint for said in problems(deploy=True).values())


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [7.5, object(), {"a": 1}], ids=["float", "object", "dict"])
def test_every_setting_refuses_what_is_of_no_use(set_jwt, name, value):
    set_jwt(**{name: value})
    assert name in " ".join(item.msg for item in problems().values())


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [300, None, True, timedelta(0), timedelta(seconds=-1)], ids=str)
def test_a_duration_is_a_timedelta_above_zero(set_jwt, name, value):
    set_jwt(**{name: value})
    assert name in problems()["jwt_sessions.E002"].msg


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("MFA_PENDING_LOGIN_LIFETIME", timedelta(hours=1)),
        ("MFA_MESSAGE_LIFETIME", timedelta(minutes=10)),
    ],
)
def test_what_waits_for_a_code_waits_for_minutes(set_jwt, name, longest):
    set_jwt(**{name: longest})
    assert not problems()
    set_jwt(**{name: longest + timedelta(seconds=1)})
    assert str(longest) in problems()["jwt_sessions.E002"].hint


@pytest.mark.parametrize("name", ["MFA_MAX_FAILURES", "MFA_MESSAGES_PER_DAY"])
@pytest.mark.parametrize("value", [0, -1, 1.0, "5", True, None, 10_000], ids=repr)
def test_a_count_is_a_whole_number_above_zero(set_jwt, name, value):
    set_jwt(**{name: value})
    assert name in problems()["jwt_sessions.E003"].msg


@pytest.mark.proves("M4")
def test_m4_nobody_may_fail_more_than_a_hundred_times(set_jwt):
    set_jwt(MFA_MAX_FAILURES=101)
    assert "100" in problems()["jwt_sessions.E003"].hint


@pytest.mark.parametrize("name", ["MFA_REQUIRED", "MFA_SMS_SENDER"])
@pytest.mark.parametrize("value", ["no_such_module.f", "os.sep", ".a", 7, True], ids=repr)
def test_what_is_called_can_be_imported_and_called(set_jwt, name, value):
    set_jwt(**{name: value})
    assert problems()["jwt_sessions.E022"].msg.startswith(f"{name} is {value!r}")


def test_an_unknown_method_is_named_with_the_nearest_known_one(set_jwt):
    set_jwt(MFA_METHODS=["totp", "mail"])
    [said] = complaints("E023")
    assert (said.msg, said.hint) == (
        "MFA_METHODS has 'mail', which nobody can enroll.",
        "Did you mean email?",
    )


def test_a_method_that_is_near_to_nothing(set_jwt):
    set_jwt(MFA_METHODS=["xyzzy", 7])
    assert {said.hint for said in complaints("E023")} == {
        f"There are {', '.join(ENROLLABLE_METHODS)}."
    }


def test_methods_are_a_list_and_no_text(set_jwt):
    set_jwt(MFA_METHODS="totp")
    assert complaints("E023")


def test_no_method_is_fine_where_nobody_must_enroll(set_jwt):
    set_jwt(MFA_METHODS=[])
    assert not problems()
    set_jwt(MFA_REQUIRED=bool)
    assert complaints("E023")


def test_sms_without_a_sender_is_a_warning_where_somebody_wrote_it(set_jwt):
    assert not problems()
    set_jwt(MFA_METHODS=["totp", "sms"])
    assert complaints("W013")
    set_jwt(MFA_SMS_SENDER=print)
    assert not problems()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([], "is empty"),
        ((), "is empty"),
        ("", "less than 32"),
        ("short", "less than 32"),
        ([NEW, "x" * 31], "less than 32"),
        ([NEW, b"x" * 31], "less than 32"),
        ([NEW, 7], "neither text nor bytes"),
        ([[NEW]], "neither text nor bytes"),
        (7, "neither text nor bytes"),
        ({NEW: OLD}, "neither text nor bytes"),
        ([NEW, OLD, NEW], "one key twice"),
        ([NEW, NEW.encode()], "one key twice"),
        (["\ud800" * 40], "cannot serve"),
    ],
    ids=[
        "list",
        "tuple",
        "no text",
        "text",
        "second",
        "bytes",
        "number",
        "nested",
        "bare number",
        "dict",
        "twice",
        "twice in bytes",
        "surrogates",
    ],
)
@pytest.mark.proves("A6")
def test_a_key_that_cannot_serve_is_refused_and_not_shown(set_jwt, keys, said):
    set_jwt(MFA_ENCRYPTION_KEYS=keys)
    [complaint] = complaints("E024")
    assert said in complaint.msg
    for key in (NEW, OLD, "xxxx", "short"):
        assert key not in f"{complaint.msg} {complaint.hint}"


def test_one_key_may_stand_alone(set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=NEW)
    assert not problems()


def test_deploy_asks_for_encryption_keys(set_jwt, settings):
    assert complaints("W014", deploy=True)
    set_jwt(MFA_ENCRYPTION_KEYS=[settings.SECRET_KEY])
    assert complaints("W014", deploy=True)
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW, settings.SECRET_KEY])
    assert not complaints("W014", deploy=True)


@pytest.mark.proves("M3")
def test_m3_secrets_whose_key_is_gone_are_an_error(alice, settings):
    settings.SECRET_KEY = OLD
    key_id = EncryptedTOTP.make(user_id=alice.pk, confirmed=True).key_id
    settings.SECRET_KEY = NEW
    said = of_the_database()["E025"]
    assert said.msg.startswith(f"The key '{key_id}', which MFA_ENCRYPTION_KEYS has no longer")
    settings.SECRET_KEY_FALLBACKS = [OLD]
    assert not of_the_database()


def test_secrets_that_nobody_confirmed_are_no_error(alice, set_jwt):
    set_jwt(MFA_ENCRYPTION_KEYS=[OLD])
    EncryptedTOTP.make(user_id=alice.pk)
    set_jwt(MFA_ENCRYPTION_KEYS=[NEW])
    assert not of_the_database()


def test_keys_that_cannot_serve_are_told_once(alice, set_jwt):
    EncryptedTOTP.make(user_id=alice.pk, confirmed=True)
    set_jwt(MFA_ENCRYPTION_KEYS=[])
    assert not of_the_database()
    assert complaints("E024")


@pytest.fixture
def without(monkeypatch):
    """Take apps out of INSTALLED_APPS, as far as the checks can see."""
    installed = second_factor.apps.is_installed

    def take_out(*names):
        monkeypatch.setattr(
            second_factor.apps, "is_installed", lambda name: name not in names and installed(name)
        )

    return take_out


@pytest.mark.proves("P9")
@pytest.mark.parametrize("model", [TOTPDevice, StaticDevice, HOTPDevice, EmailDevice])
def test_p9_a_plugin_that_is_gone_while_people_have_its_devices_is_an_error(alice, without, model):
    app = f"django_otp.plugins.{model._meta.app_label}"
    device = model.objects.create(user=alice)
    assert not of_the_database()
    without(app)
    assert app in of_the_database()["E026"].msg
    model.objects.filter(pk=device.pk).update(confirmed=False)
    assert not of_the_database()


def test_a_table_of_another_app_with_this_name_is_let_be(db, without, monkeypatch):
    monkeypatch.setattr(second_factor, "STOCK_TABLES", {"django_content_type": "not.there"})
    assert not of_the_database()


@pytest.mark.parametrize("databases", [["accounts"], []], ids=["another", "none"])
def test_a_database_that_may_not_be_asked_is_not_judged(databases, without):
    without(*second_factor.STOCK_TABLES.values())
    for rule in (
        second_factor.stored_secrets_can_be_read,
        second_factor.no_stock_factor_is_forgotten,
    ):
        assert not [*rule(databases)]


def test_before_the_first_migration_there_is_nothing_to_judge(db, without, monkeypatch):
    without(*second_factor.STOCK_TABLES.values())
    introspection = connections["default"].introspection
    monkeypatch.setattr(introspection, "table_names", lambda *args, **kwargs: [])
    assert not of_the_database()


def test_the_tables_are_those_of_django_otp():
    models = (TOTPDevice, StaticDevice, HOTPDevice, EmailDevice)
    assert {model._meta.db_table for model in models} <= set(second_factor.STOCK_TABLES)


def test_every_setting_of_the_second_factor_is_known():
    assert set(NAMES) <= conf.names()


def test_a_first_lock_longer_than_the_longest_is_no_order(set_jwt):
    set_jwt(MFA_LOCK_PERIOD=timedelta(days=2))
    assert "MFA_MAX_LOCK_PERIOD" in problems()["jwt_sessions.W002"].msg
