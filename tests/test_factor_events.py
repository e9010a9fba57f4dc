"""What is told of a second factor to the project: a record and a signal."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import transaction

from jwt_sessions import signals
from jwt_sessions.models import SecurityEvent
from tests.authenticators import ask_for_code, enter
from tests.factor_stories import STORIES, WRONG_CODES, Story
from tests.people import Device

proves = pytest.mark.proves
once = pytest.mark.once
every_kind = pytest.mark.parametrize("kind", [*STORIES])


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
