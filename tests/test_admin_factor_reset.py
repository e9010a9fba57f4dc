"""Reset this person's second factor: who may, what goes, what stays on record."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django_otp import DEVICE_ID_SESSION_KEY

from jwt_sessions import mfa, sessions
from jwt_sessions.admin.factors import reset as factor_reset
from jwt_sessions.exceptions import UserGone
from jwt_sessions.models import (
    EncryptedTOTP,
    FactorAllowance,
    RecoveryCode,
    RevokedReason,
    SecurityEvent,
    Session,
)
from jwt_sessions.signals import factors_reset, session_revoked
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
from tests.racing import Call, send
from tests.test_admin_factors import page, person, staff

proves = pytest.mark.proves

REASON = "Showed a passport <at> the desk"
GOOD = {"reason": REASON}


def reset(user):
    return page("person_factors_reset", quote(user.pk))


@pytest.fixture
def guard(db):
    """Staff who may look at second factors and reset them."""
    return staff("guard", "view_encryptedtotp", "reset_second_factor")


@pytest.fixture
def root(db):
    """A superuser."""
    return staff("root", is_superuser=True)


@pytest.fixture
def lost(alice):
    """Alice, who has lost all that she had."""
    give_totp(alice)
    give_totp(alice, confirmed=False)
    give_address(alice)
    give_recovery_codes(alice)
    return alice


def devices_of(user):
    return mfa.list_devices(user)


# What it does


def test_it_asks_first_and_says_what_goes(guard, phone, laptop, lost):
    text = guard.get(reset(lost)).content.decode()
    assert "Be sure of whom you talk to: this is what an impostor asks for." in text
    assert "2 sessions of this person end." in text
    assert "Authenticator app" in text
    assert "your own" not in text
    assert len(devices_of(lost)) == 3
    assert phone.call_protected().status_code == 200


def test_a_persons_page_leads_there_for_who_may(guard, lost):
    assert reset(lost) in guard.get(person(lost)).content.decode()
    watcher = staff("watcher", "view_encryptedtotp")
    assert reset(lost) not in watcher.get(person(lost)).content.decode()


@proves("P1", "V3")
def test_devices_go_and_all_sessions_end_at_once(guard, alice, phone, laptop, lost):
    answer = guard.post(reset(lost), GOOD, follow=True)
    assert answer.redirect_chain == [(person(lost), 302)]
    text = answer.content.decode()
    assert "is reset. 3 devices were removed. 2 sessions were ended." in text
    assert devices_of(lost) == []
    assert not EncryptedTOTP.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert {device.call_protected().status_code for device in (phone, laptop)} == {401}
    ended = Session.objects.filter(user=lost)
    assert {one.revoked_reason for one in ended} == {RevokedReason.REVOKED_BY_STAFF}
    assert {one.revoked_by for one in ended} == {guard.user}


def test_stock_devices_go_too(guard, alice):
    give_stock_totp(alice)
    give_stock_static(alice)
    assert "2 devices were removed." in guard.post(reset(alice), GOOD, follow=True).content.decode()
    assert devices_of(alice) == []


def test_sessions_of_others_go_on(guard, bob, lost):
    device = Device()
    device.sign_in(bob)
    give_totp(bob)
    guard.post(reset(lost), GOOD)
    assert device.call_protected().status_code == 200
    assert len(devices_of(bob)) == 1


def test_logins_that_wait_and_locks_end(guard, lost):
    (mfa_token,) = wait_for_code(lost, 1)
    FactorAllowance.objects.create(user=lost, factor="totp", failures=9)
    guard.post(reset(lost), GOOD)
    answer = Device().post("token/mfa/", {"mfa_token": mfa_token, "code": "123456"})
    assert answer.json()["code"] == "mfa_token_expired"
    assert FactorAllowance.objects.get(factor="totp").failures == 0


@proves("A2")
def test_it_is_on_record_with_who_and_why(guard, phone, lost):
    guard.post(reset(lost), GOOD, headers={"x-forwarded-for": "192.0.2.1"})
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (guard.user, str(lost.pk))
    assert entry.content_type.model_class() is get_user_model()
    assert entry.get_change_message() == (
        f"Second factor reset. 3 devices were removed. 1 session was ended. Reason: {REASON}"
    )
    event = SecurityEvent.objects.get(kind="factors_reset")
    assert event.user == lost
    assert event.facts == {"devices": 3, "sessions": 1, "by": str(guard.user.pk), "reason": REASON}


def test_signals_tell_of_it_after_the_commit(guard, phone, lost, heard, committed):
    resets, revocations = heard(factors_reset), heard(session_revoked)
    with committed():
        guard.post(reset(lost), GOOD)
    assert [message["user"] for message in resets] == [lost]
    assert [(message["count"], message["by"]) for message in revocations] == [(1, guard.user)]


@proves("M11")
def test_the_person_is_told_by_mail_but_not_the_reason(guard, phone, lost, committed):
    with committed():
        guard.post(reset(lost), GOOD)
    (sent,) = mail.outbox
    assert sent.to == ["alice@example.com"]
    assert "Our staff has removed the second factor" in sent.body
    assert "You have been signed out everywhere." in sent.body
    assert "passport" not in sent.body + sent.subject
    assert guard.user.get_username() not in sent.body


@pytest.mark.parametrize("reason", [None, "", "   ", "\0", "\u202e\u200b", "x" * 501])
def test_without_a_good_reason_nothing_happens(guard, lost, reason):
    answer = guard.post(reset(lost), {} if reason is None else {"reason": reason})
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "<title>Error: " in text
    assert 'aria-invalid="true"' in text
    assert len(devices_of(lost)) == 3
    assert not LogEntry.objects.exists()


def test_a_reason_is_kept_in_one_line_and_shown_escaped(guard, lost):
    guard.post(reset(lost), {"reason": "[1]\nfirst\x1b line\u202e <script>"})
    assert SecurityEvent.objects.get().facts["reason"] == "[1] first line <script>"
    text = guard.get(person(lost)).content.decode()
    assert "[1] first line &lt;script&gt;" in text


def test_where_nothing_is_to_reset_nothing_is_asked(guard, alice):
    answer = guard.get(reset(alice), follow=True)
    assert "There is no second factor to reset." in answer.content.decode()


def test_to_reset_it_twice_is_harmless(guard, lost):
    guard.post(reset(lost), GOOD)
    assert "0 devices were removed." in guard.post(reset(lost), GOOD, follow=True).content.decode()


def test_ones_own_is_warned_of_and_reset(guard):
    give_totp(guard.user)
    session = sessions.start(guard.user).session
    assert "This is your own second factor." in guard.get(reset(guard.user)).content.decode()
    assert guard.post(reset(guard.user), GOOD).status_code == 302
    assert devices_of(guard.user) == []
    assert Session.objects.get(pk=session.pk).is_revoked


def test_it_works_where_a_second_factor_is_required(guard, lost, set_jwt):
    set_jwt(MFA_REQUIRED=lambda user: True)
    assert "must set up a second factor anew" in guard.get(reset(lost)).content.decode()
    guard.post(reset(lost), GOOD)
    assert devices_of(lost) == []


@pytest.mark.urls("tests.admin_urls")
@pytest.mark.parametrize("required", [False, True])
def test_the_admins_own_cookie_session_stays_but_enters_by_what_is_left(guard, set_jwt, required):
    """Whoever must have a second factor and has none does not enter; others by the password."""
    give_totp(guard.user)
    device = EncryptedTOTP.objects.get()
    cookies = guard.session
    cookies[DEVICE_ID_SESSION_KEY] = device.persistent_id
    cookies.save()
    set_jwt(MFA_REQUIRED=lambda user: required)
    assert guard.get("/admin/").status_code == 200
    assert guard.post(reset(guard.user), GOOD).status_code == 302
    assert guard.get("/admin/").status_code == (302 if required else 200)


# Who may

PERMISSIONS = {
    "outsider": [],
    "watcher": ["view_encryptedtotp"],
    "blind": ["reset_second_factor"],
    "neighbour": ["view_messagedevice", "reset_second_factor"],
    "revoker": ["view_encryptedtotp", "revoke_session", "bulkrevoke_session"],
    "guard": ["view_encryptedtotp", "reset_second_factor"],
}
CELLS = [
    (role, target, method)
    for role in [*PERMISSIONS, "root", "person"]
    for target in ("lost", "chief")
    for method in ("get", "post")
]


def expected(role, target, method, *, spared=True):
    """200 to be asked, 302 when it is done; 302 to the login for who is no staff."""
    if role == "person":
        return 302
    if role != "root" and (role != "guard" or (target == "chief" and spared)):
        return 403
    return 200 if method == "get" else 302


@proves("A1")
@pytest.mark.parametrize(("role", "target", "method"), CELLS)
def test_a1_who_may_reset_whom(lost, client, caplog, role, target, method):
    chief = make_user("chief", is_superuser=True)
    give_totp(chief)
    if role == "person":
        client.force_login(lost)
    elif role == "root":
        client = staff(role, is_superuser=True)
    else:
        client = staff(role, *PERMISSIONS[role])
    user = {"lost": lost, "chief": chief}[target]
    answer = getattr(client, method)(reset(user), GOOD)
    assert answer.status_code == expected(role, target, method)
    is_done = method == "post" and answer.status_code == 302 and role != "person"
    assert (devices_of(user) == []) is is_done
    assert LogEntry.objects.count() == is_done
    was_logged = [text for text in caplog.messages if f"was refused {method.upper()}" in text]
    assert bool(was_logged) is (answer.status_code == 403)


@proves("A1")
def test_a1_a_superusers_is_for_superusers_unless_a_setting_says_else(guard, set_jwt):
    chief = make_user("chief", is_superuser=True)
    give_totp(chief)
    text = guard.get(person(chief)).content.decode()
    assert "Only superusers can reset" in text
    assert reset(chief) not in text
    set_jwt(PROTECT_SUPERUSERS=False)
    assert reset(chief) in guard.get(person(chief)).content.decode()
    assert guard.post(reset(chief), GOOD).status_code == 302
    assert devices_of(chief) == []


def test_who_may_not_reset_cannot_tell_who_exists(lost):
    watcher, unknown = staff("watcher", "view_encryptedtotp"), page("person_factors_reset", "0")
    assert watcher.get(reset(lost)).status_code == watcher.get(unknown).status_code == 403
    assert watcher.post(unknown, GOOD).status_code == 403


def test_it_needs_the_csrf_token(guard, lost):
    guard.handler.enforce_csrf_checks = True
    assert guard.post(reset(lost), GOOD).status_code == 403
    assert len(devices_of(lost)) == 3


@pytest.mark.parametrize(
    "key", ["0", "nonsense", "6d38d68d-8e24-4c0e-a5a4-0c2d7b3e0f11", "%00", "9" * 5000, "a" * 300]
)
def test_who_is_not_there_is_not_found(guard, key):
    address = page("person_factors_reset", "KEY").replace("KEY", key)
    assert guard.get(address).status_code == 404
    assert guard.post(address, GOOD).status_code == 404


def test_other_methods_are_refused(guard, lost):
    assert guard.put(reset(lost)).status_code == 405
    assert guard.delete(reset(lost)).status_code == 405


# People who go meanwhile, and transactions


@pytest.fixture
def leaves_meanwhile(monkeypatch):
    """Delete the person between the look-up and the reset."""
    really = mfa.changing.reset

    def reset_too_late(user, **options):
        get_user_model().objects.get(pk=user.pk).delete()
        return really(user, **options)

    monkeypatch.setattr(mfa.changing, "reset", reset_too_late)


def test_a_person_deleted_meanwhile_is_said_to_be(guard, lost, leaves_meanwhile):
    answer = guard.post(reset(lost), GOOD, follow=True)
    assert answer.status_code == 200
    assert "The account was deleted meanwhile." in answer.content.decode()
    assert not SecurityEvent.objects.exists()
    assert not LogEntry.objects.exists()


def test_who_is_gone_cannot_be_reset(alice):
    gone = get_user_model().objects.get(pk=alice.pk)
    alice.delete()
    with pytest.raises(UserGone):
        mfa.changing.reset(gone)


@pytest.mark.django_db(transaction=True)
def test_where_it_cannot_be_logged_nothing_is_reset(guard, phone, lost, monkeypatch):
    def fail(*arguments):
        raise ConnectionError

    monkeypatch.setattr(factor_reset.ResetView, "log", fail)
    guard.raise_request_exception = False
    assert guard.post(reset(lost), GOOD).status_code == 500
    assert len(devices_of(lost)) == 3
    assert phone.call_protected().status_code == 200


@pytest.mark.django_db(transaction=True)
def test_it_runs_outside_of_the_requests_transaction(guard, lost, monkeypatch):
    """On SQLite one that has read could not wait for its turn to write."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    seen, really = [], factor_reset.ResetView.reset

    def look(self, reason):
        seen.append(connection.in_atomic_block)
        return really(self, reason)

    monkeypatch.setattr(factor_reset.ResetView, "reset", look)
    assert guard.post(reset(lost), GOOD).status_code == 302
    assert seen == [False]
    assert devices_of(lost) == []


@pytest.mark.django_db(transaction=True)
def test_the_transaction_begins_with_a_write(alice):
    statements = []

    def note(execute, sql, *arguments):
        statements.append(sql)
        return execute(sql, *arguments)

    give_totp(alice)
    with connection.execute_wrapper(note):
        mfa.changing.reset(alice, end_sessions=True)
    changing = [sql for sql in statements if not sql.startswith(("SAVEPOINT", "BEGIN"))]
    if not connection.features.has_select_for_update:
        assert changing[0].startswith("UPDATE")
    else:
        assert "FOR" in changing[0]


@proves("P12")
def test_p12_a_reset_costs_the_same_however_many_sessions_there_are(guard, alice, bob):
    counts = []
    ContentType.objects.get_for_model(alice)  # asked for once in each process
    for user, number in ((alice, 1), (bob, 20)):
        give_totp(user)
        for _ in range(number):
            sessions.start(user)
        statements = []
        with connection.execute_wrapper(
            lambda execute, sql, *rest, into=statements: (into.append(sql), execute(sql, *rest))[1]
        ):
            assert guard.post(reset(user), GOOD).status_code == 302
        counts.append(len(statements))
    assert counts[0] == counts[1]


# The command


def test_the_command_keeps_a_reason_and_ends_sessions(phone, lost, capsys):
    options = ["--yes", "--end-sessions", "--reason", "He\nknows his mother's name"]
    call_command("secondfactor", "reset", lost.get_username(), *options)
    assert "Ended 1 session." in capsys.readouterr().out
    facts = SecurityEvent.objects.get().facts
    assert facts["reason"] == "He knows his mother's name"
    assert facts["sessions"] == 1
    assert phone.call_protected().status_code == 401


def test_the_command_says_who_was_deleted_meanwhile(lost, leaves_meanwhile):
    with pytest.raises(CommandError, match="was deleted meanwhile"):
        call_command("secondfactor", "reset", lost.get_username(), "--yes")


# While they sign in

ROUNDS = 8


@proves("P10", "V3")
@pytest.mark.races
@pytest.mark.xdist_group("races")
@pytest.mark.usefixtures("throttles_off")
@pytest.mark.django_db(transaction=True)
class TestRaces:
    @pytest.fixture(autouse=True)
    def clock(self):
        """The real one: threads wait."""

    def test_no_session_lives_on_that_the_old_factor_began(self, threads):
        callers = threads(6)
        outcomes = set()
        for number in range(ROUNDS):
            user = make_user(f"alice{number}")
            guard = staff(f"guard{number}", "view_encryptedtotp", "reset_second_factor")
            codes, app = give_recovery_codes(user), give_totp(user)
            tokens = wait_for_code(user, 4)
            used = [app.code(), *codes[:3]]
            calls = [
                Call("token/mfa/", {"mfa_token": token, "code": code})
                for token, code in zip(tokens, used, strict=True)
            ]
            step_ups = [Call("token/step-up/", {"code": codes[4]}, sign_in(user))]

            address = reset(user)
            acts = [lambda call=call: send(*call) for call in [*calls, *step_ups]]
            acts.append(lambda client=guard, address=address: client.post(address, GOOD))
            *replies, removed = callers.at_once(*acts)
            assert removed.status_code == 302
            outcomes |= {reply.status for reply in replies}
            assert outcomes <= {200, 401, 403, 404}
            assert devices_of(user) == []
            assert not Session.objects.filter(user=user).unexpired().unrevoked().exists()
            facts = SecurityEvent.objects.get(user=user, kind="factors_reset").facts
            assert facts["sessions"] == Session.objects.filter(user=user).count()

    def test_two_who_reset_each_other_do_not_wait_for_ever(self, threads):
        callers = threads(2)
        for number in range(ROUNDS):
            names = f"guard{number}", f"ward{number}"
            pair = [staff(name, "view_encryptedtotp", "reset_second_factor") for name in names]
            for one in pair:
                give_totp(one.user)
                sessions.start(one.user)
            first, second = pair
            answers = callers.at_once(
                lambda a=first, b=second: a.post(reset(b.user), GOOD),
                lambda a=second, b=first: a.post(reset(b.user), GOOD),
            )
            assert [answer.status_code for answer in answers] == [302, 302]
            assert not [one for one in pair if devices_of(one.user)]

    def test_many_who_reset_one_person_at_once_all_succeed(self, threads):
        callers = threads(6)
        user = make_user("alice")
        give_totp(user)
        sessions.start(user)
        guards = [
            staff(f"guard{number}", "view_encryptedtotp", "reset_second_factor")
            for number in range(6)
        ]
        address = reset(user)
        answers = callers.at_once(*[lambda g=guard: g.post(address, GOOD) for guard in guards])
        assert {answer.status_code for answer in answers} == {302}
        events = SecurityEvent.objects.filter(kind="factors_reset")
        assert sorted(event.facts["devices"] for event in events) == [0] * 5 + [1]
