"""What is told of a second factor: a record, a signal and a mail, and to whom."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import transaction

from jwt_sessions import mfa, signals
from jwt_sessions.models import SecurityEvent
from tests.authenticators import enroll
from tests.inboxes import ask_for_code, begin, confirm, enter
from tests.people import FIREFOX, Device, name_of

proves = pytest.mark.proves
once = pytest.mark.once

RECOVERY = "recovery_code"
WRONG_CODES = 10


class Story:
    """Alice on her phone, who has an authenticator app, and what becomes of it."""

    def __init__(self, phone, clock):
        self.phone, self.clock = phone, clock
        self.session, self.user = phone.session, phone.session.user

    def have_app(self, name="My phone"):
        self.app = enroll(self.phone, name=name)
        self.clock.shift(30)

    def sign_in_by(self, code):
        """Sign in elsewhere; return that session."""
        device = Device()
        answer = enter(device, ask_for_code(device, self.user), code)
        return device.session if answer.status_code == 200 else None

    def add(self):
        self.have_app()
        return self.session

    def remove(self):
        self.phone.delete(f"mfa/devices/{self.app.id}/")
        return self.session

    def reset(self):
        mfa.enrollment.reset(self.user)

    def use_recovery_code(self):
        return self.sign_in_by(self.app.recovery_codes.pop())

    def use_up(self):
        """Use recovery codes until three are left; the last use is in the session returned."""
        while len(self.app.recovery_codes) > 4:
            self.phone.post("token/step-up/", {"code": self.app.recovery_codes.pop()})
        return self.use_recovery_code()

    def renew(self):
        self.phone.post("mfa/recovery-codes/")
        return self.session

    def guess(self):
        for _ in range(WRONG_CODES):
            self.phone.post("token/step-up/", {"code": self.app.wrong_code()})
        return self.session


# kind: what happens, and the facts that are told of it.
STORIES = {
    "factor_added": (Story.add, {"method": "totp", "name": "My phone"}),
    "factor_removed": (Story.remove, {"method": "totp", "name": "My phone"}),
    "factors_reset": (Story.reset, {"devices": 2, "by": None}),
    "recovery_code_used": (Story.use_recovery_code, {"remaining": 9}),
    "recovery_codes_low": (Story.use_up, {"remaining": 3}),
    "recovery_codes_renewed": (Story.renew, {}),
    "too_many_wrong_codes": (Story.guess, {"method": "totp"}),
}
BODIES = {
    "factor_added": "A second factor was added to your account: authenticator app “My phone”.",
    "factor_removed": "A second factor was removed from your account: authenticator app “My",
    "factors_reset": "Our staff has removed the second factor from your account.",
    "recovery_code_used": "One of your recovery codes was used. You have 9 left.",
    "recovery_codes_low": "You have only 3 recovery codes left.",
    "recovery_codes_renewed": "New recovery codes were made for your account.",
    "too_many_wrong_codes": "Too many wrong codes were entered for your account (authenticator",
}
SUBJECTS = {
    "factor_added": "second factor added",
    "factor_removed": "second factor removed",
    "factors_reset": "second factor reset",
    "recovery_code_used": "recovery code used",
    "recovery_codes_low": "few recovery codes left",
    "recovery_codes_renewed": "recovery codes renewed",
    "too_many_wrong_codes": "too many wrong codes",
}

every_kind = pytest.mark.parametrize("kind", [*STORIES])


@pytest.fixture
def story(phone, clock):
    return Story(phone, clock)


@pytest.fixture
def happen(story, committed):
    """Let a kind of event happen; return the session it is of, with what came of it outside."""

    def let_happen(kind, *, prepare=lambda: None):
        act, _ = STORIES[kind]
        if act is not Story.add:
            story.have_app()
        prepare()
        with committed():
            return act(story)

    return let_happen


@proves("M11")
@every_kind
def test_one_event_says_what_happened_to_whom_and_where(happen, story, kind):
    session = happen(kind)
    event = SecurityEvent.objects.get(kind=kind)
    assert (event.user, event.session) == (story.user, session)
    assert event.facts == STORIES[kind][1]
    assert event.address == (None if kind == "factors_reset" else "127.0.0.1")


@every_kind
def test_a_signal_says_so_after_the_commit(happen, story, heard, kind):
    messages = heard(getattr(signals, kind))
    happen(kind, prepare=messages.clear)
    [facts] = messages
    assert (facts["sender"], facts["user"]) == (SecurityEvent, story.user)
    assert facts["event"] == SecurityEvent.objects.get(kind=kind)


@every_kind
@pytest.mark.django_db(transaction=True)
def test_nothing_is_told_of_what_is_rolled_back(story, heard, kind):
    messages = heard(getattr(signals, kind))
    act, _ = STORIES[kind]
    if act is not Story.add:
        story.have_app()
    messages.clear()
    mail.outbox.clear()
    with transaction.atomic():
        act(story)
        transaction.set_rollback(True)
    assert (messages, mail.outbox) == ([], [])
    assert not SecurityEvent.objects.filter(kind=kind).exists()


@proves("M11")
@every_kind
def test_a_mail_tells_the_owner(happen, story, kind):
    happen(kind, prepare=mail.outbox.clear)
    sent = mail.outbox[-1]
    assert sent.to == ["alice@example.com"]
    assert sent.subject == f"issuer.example: {SUBJECTS[kind]}"
    greeting, what, when, otherwise, site = sent.body.rstrip("\n").split("\n\n")
    assert greeting == f"Hello {story.user.get_username()},"
    assert what.startswith(BODIES[kind])
    assert when.startswith("When: Nov. 23, 2026, ")
    assert otherwise.startswith("If ")
    assert site == "issuer.example"


@every_kind
def test_a_mail_has_no_leftovers(happen, kind):
    happen(kind, prepare=mail.outbox.clear)
    for sent in mail.outbox:
        assert not [
            bad for bad in ("{", "}", "%", "None", "  ", "\n\n\n", "()") if bad in sent.body
        ]
        assert sent.body == sent.body.strip() + "\n"
        assert [line for line in sent.body.split("\n") if line != line.strip()] == []


@once
@pytest.mark.parametrize("kind", sorted(set(STORIES) - {"factors_reset"}))
def test_a_mail_says_from_which_device(happen, kind):
    happen(kind, prepare=mail.outbox.clear)
    when = mail.outbox[-1].body.split("\n\n")[2]
    assert when.split("\n")[1:] == ["Device: Firefox / Windows", "Address: 127.0.0.1"]


@once
def test_a_reset_tells_nothing_of_the_staff_members_device(story, committed, rf, bob):
    story.have_app()
    mail.outbox.clear()
    request = rf.post("/admin/", headers={"user-agent": FIREFOX}, REMOTE_ADDR="192.0.2.7")
    with committed():
        mfa.enrollment.reset(story.user, by=bob, request=request)
    assert SecurityEvent.objects.get(kind="factors_reset").address == "192.0.2.7"
    assert SecurityEvent.objects.get(kind="factors_reset").facts["by"] == str(bob.pk)
    assert "192.0.2.7" not in mail.outbox[0].body
    assert "Firefox" not in mail.outbox[0].body


@once
def test_a_whole_mail_reads_well(happen, set_jwt):
    set_jwt(MFA_ISSUER_NAME="Tom & Sons' <shop>")
    happen("factor_added")
    [sent] = mail.outbox
    assert sent.subject == "Tom & Sons' <shop>: second factor added"
    assert sent.body == (
        "Hello alice,\n\n"
        "A second factor was added to your account: authenticator app “My phone”.\n\n"
        "When: Nov. 23, 2026, noon UTC\n"
        "Device: Firefox / Windows\n"
        "Address: 127.0.0.1\n\n"
        "If this was not you, change your password now and sign out your other devices.\n\n"
        "Tom & Sons' <shop>\n"
    )


@once
def test_a_name_is_told_as_it_was_typed(story, committed):
    with committed():
        story.have_app(name="Tom's <phone> & {{ name }}")
    assert "authenticator app “Tom's <phone> & {{ name }}”." in mail.outbox[0].body


@once
def test_a_device_without_a_name_is_called_by_its_kind(story, committed):
    with committed():
        story.have_app(name="")
    assert "your account: authenticator app.\n" in mail.outbox[0].body


@proves("M11")
def test_another_address_says_which_one_it_replaces(phone, mailbox, clock, committed):
    for address in (mailbox.address, "mallory@evil.example"):
        clock.shift(60)
        begun = begin(phone, mailbox, address)
        with committed():
            confirm(phone, begun, mailbox.code())
    facts = {"method": "email", "name": "m•••@evil.example", "replaces": mailbox.masked}
    assert SecurityEvent.objects.first().facts == facts
    body = mail.outbox[-1].body
    assert "account: e-mail “m•••@evil.example”." in body
    assert "No more codes are sent to “a•••@home.example”, which it replaces." in body


@once
@pytest.mark.parametrize(
    ("left", "used", "low"),
    [
        (1, "You have 1 left.", "You have only 1 recovery code left."),
        (0, "The last one of your recovery codes was used.", "You have no recovery codes left."),
    ],
    ids=["one left", "none left"],
)
def test_the_last_recovery_codes_are_counted_in_words(story, committed, left, used, low):
    story.have_app()
    while len(story.app.recovery_codes) > left + 1:
        story.phone.post("token/step-up/", {"code": story.app.recovery_codes.pop()})
    with committed():
        story.use_recovery_code()
    first, second = (sent.body for sent in mail.outbox[-2:])
    assert used in first
    assert low in second


def test_four_recovery_codes_are_not_few(story):
    story.have_app()
    for _ in range(6):
        story.phone.post("token/step-up/", {"code": story.app.recovery_codes.pop()})
    assert not SecurityEvent.objects.filter(kind="recovery_codes_low").exists()


@proves("M4")
def test_wrong_codes_are_told_once_and_not_before_they_are_too_many(story):
    story.have_app()
    for _ in range(WRONG_CODES - 1):
        story.phone.post("token/step-up/", {"code": story.app.wrong_code()})
    assert not SecurityEvent.objects.filter(kind="too_many_wrong_codes").exists()
    for _ in range(3):
        story.phone.post("token/step-up/", {"code": story.app.wrong_code()})
    assert SecurityEvent.objects.filter(kind="too_many_wrong_codes").count() == 1


@proves("M4", "M11")
def test_wrong_codes_at_sign_in_are_told_too(story):
    story.have_app()
    device = Device()
    for _ in range(WRONG_CODES):
        enter(device, ask_for_code(device, story.user), story.app.wrong_code())
    event = SecurityEvent.objects.get(kind="too_many_wrong_codes")
    assert (event.user, event.session) == (story.user, None)


@every_kind
def test_security_mails_can_be_turned_off(happen, set_jwt, kind):
    set_jwt(SECURITY_MAILS=False)
    happen(kind)
    assert SecurityEvent.objects.filter(kind=kind).exists()
    assert not mail.outbox


@once
@every_kind
def test_who_has_no_address_loses_nothing(happen, story, kind):
    type(story.user).objects.update(email="")
    story.user.email = ""
    happen(kind)
    assert SecurityEvent.objects.filter(kind=kind).exists()
    assert not mail.outbox


@every_kind
def test_a_broken_mail_server_loses_nothing(happen, mailbox, kind, caplog):
    session = happen(kind, prepare=mailbox.fail)
    assert SecurityEvent.objects.get(kind=kind).session == session
    assert f"a mail about {kind} cannot be sent: ConnectionError" in caplog.text
    assert "alice@example.com" not in caplog.text


@once
def test_a_receiver_that_fails_loses_nothing(story, committed):
    def fail(**kwargs):
        raise RuntimeError("a receiver of the project's")

    signals.factor_added.connect(fail)
    try:
        with committed():
            story.have_app()
    finally:
        signals.factor_added.disconnect(fail)
    assert len(mail.outbox) == 1
    assert name_of(story.user) == "alice"
