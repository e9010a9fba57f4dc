"""What is told of a second factor to its owner: a mail."""

from __future__ import annotations

import pytest
from django.core import mail

from jwt_sessions import mfa
from jwt_sessions.models import SecurityEvent
from tests.factor_stories import STORIES
from tests.inboxes import begin, confirm
from tests.people import FIREFOX

proves = pytest.mark.proves
once = pytest.mark.once

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
    leftovers = ("{", "}", "%", "None", "  ", "\n\n\n", "()")
    for sent in mail.outbox:
        assert not [leftover for leftover in leftovers if leftover in sent.body]
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
        mfa.changing.reset(story.user, by=bob, request=request)
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
