"""Which addresses are taken, where they show, and what the messages say."""

from __future__ import annotations

import struct

import pytest
from django.core import mail
from django.template import TemplateDoesNotExist
from django.utils import translation

from jwt_sessions.delivery import deliver_code
from jwt_sessions.models import MessageDevice, SecurityEvent
from tests.authenticators import ask_for_code, enter, send
from tests.inboxes import add_address, begin, confirm
from tests.people import Device

proves = pytest.mark.proves
once = pytest.mark.once

BAD_EMAILS = {
    "no at sign": "alice",
    "no domain": "alice@",
    "blank": " ",
    "null": None,
    "a number": 5,
    "a list": ["alice@home.example"],
    "a header": "alice@home.example\nBcc: mallory@evil.example",
    "a header with carriage return": "alice@home.example\r\nBcc: mallory@evil.example",
    "a header in the local part": "alice\nBcc: mallory@evil.example",
    "a quoted header": '"alice\nBcc: x"@home.example',
    "two addresses": "alice@home.example,mallory@evil.example",
    "two addresses by semicolon": "alice@home.example;mallory@evil.example",
    "two addresses by space": "alice@home.example mallory@evil.example",
    "a display name": "Alice <alice@home.example>",
    "a display name that is an address": '"alice@home.example" <mallory@evil.example>',
    "a comment": "alice@home.example (mallory@evil.example)",
    "a null character": "alice\x00@home.example",
    "a right-to-left override": "alice@home\u202e.example",
    "too long": f"{'a' * 250}@home.example",
}
BAD_NUMBERS = {
    "no country": "01701234567",
    "no such country": "+0701234567",
    "too short": "+491",
    "too long": "+4917012345678901",
    "two numbers": "+491701234567,+491707654321",
    "a line break": "+4917012\n34567",
    "a line break at the end": "+491701234567\n+491707654321",
    "letters": "+49170CALLME",
    "digits of another script": "+٤٩١٧٠١٢٣٤٥٦٧",
    "a URI": "tel:+491701234567",
    "an extension": "+491701234567;ext=5",
    "a null character": "+491701234567\x00",
}


def cases(table):
    return [pytest.param(value, id=name) for name, value in table.items()]


@pytest.fixture
def de(settings, tmp_path):
    """A translation of some texts, and who speaks the language."""
    messages = {
        "Your code for %(site)s": "Ihr Code für %(site)s",
        "%(code)s is your code for %(site)s. Give it to nobody.": "%(code)s: für %(site)s.",
        "second factor added": "zweiter Faktor hinzugefügt",
        "Hello %(name)s,": "Hallo %(name)s,",
    }
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.mo").write_bytes(compile_catalog(messages))
    settings.LOCALE_PATHS = [tmp_path]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    yield Device(accept_language="de")
    settings.LOCALE_PATHS = []


def compile_catalog(messages):
    """Write what msgfmt does (GNU gettext manual section 10.3)."""
    messages = {"": "Content-Type: text/plain; charset=UTF-8\n", **messages}
    ids = sorted(messages)
    texts = [text.encode() for text in [*ids, *map(messages.get, ids)]]
    count, start = len(messages), 28
    table, data, offset = b"", b"", start + 16 * len(messages)
    for text in texts:
        table += struct.pack("<II", len(text), offset + len(data))
        data += text + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, count, start, start + 8 * count, 0, 0) + table + data


@proves("P7")
@pytest.mark.parametrize("address", cases(BAD_EMAILS))
def test_what_is_no_email_address_is_sent_nothing(phone, mailbox, address):
    refused = phone.post("mfa/messages/", {"channel": "email", "address": address})
    assert (refused.status_code, [*refused.json()]) == (400, ["address"])
    assert not mail.outbox


@proves("P7")
@pytest.mark.parametrize("number", cases(BAD_NUMBERS))
def test_what_is_no_telephone_number_is_sent_nothing(phone, telephone, number):
    refused = phone.post("mfa/messages/", {"channel": "sms", "address": number})
    assert (refused.status_code, [*refused.json()]) == (400, ["address"])
    assert not telephone.messages


@pytest.mark.parametrize("address", ["a+b@home.example", '"a,b"@home.example'])
def test_an_unusual_address_is_the_one_recipient(phone, mailbox, address):
    begin(phone, mailbox, address)
    [sent] = mail.outbox
    assert sent.recipients() == [address]
    assert sent.message()["To"] == address


@pytest.mark.parametrize("typed", ["+49 170 1234567", "+49 (170) 123-45.67", "+49\xa0170 1234567"])
def test_a_number_is_kept_as_it_is_dialled(phone, telephone, typed):
    begin(phone, telephone, typed)
    assert [number for number, _ in telephone.messages] == ["+491701234567"]


@pytest.mark.parametrize("channel", ["totp", "", None, "pigeon", ["email"]])
def test_a_channel_that_is_none_is_a_field_error(phone, channel):
    refused = phone.post("mfa/messages/", {"channel": channel, "address": "alice@home.example"})
    assert (refused.status_code, [*refused.json()]) == (400, ["channel"])


def test_an_address_is_masked_wherever_it_shows(alice, phone, mailbox, telephone, clock):
    answers = []
    for inbox in (mailbox, telephone):
        begun = begin(phone, inbox)
        answers += [begun, confirm(phone, begun, inbox.code())]
    clock.shift(60)
    device = Device()
    mfa_token = ask_for_code(device, alice)
    answers += [device.sign_in(alice), send(device, mfa_token, "sms")]
    answers += [phone.get("/api/auth/mfa/"), enter(device, mfa_token, telephone.code())]
    shown = [answer.content.decode() for answer in answers]
    shown += [str(facts) for facts in SecurityEvent.objects.values_list("facts", flat=True)]
    shown += [sent.body for sent in mail.outbox]
    for address in (mailbox.address, telephone.address):
        assert not any(address in text for text in shown)


def test_an_address_without_a_name_is_called_by_what_is_left_of_it(phone, mailbox, telephone):
    add_address(phone, mailbox)
    add_address(phone, telephone, name="My phone")
    names = {device["name"] for device in phone.get("/api/auth/mfa/").json()["devices"]}
    assert names == {mailbox.masked, "My phone"}


def test_djangos_otp_says_the_masked_address_only(alice, phone, mailbox, clock):
    add_address(phone, mailbox)
    clock.shift(60)
    assert MessageDevice.objects.get().generate_challenge() == f"sent to {mailbox.masked}"


def test_a_stored_code_is_a_hash_that_takes_the_key(phone, mailbox, settings):
    begun = begin(phone, mailbox)
    stored = MessageDevice.objects.get().hashed_code
    assert mailbox.code() not in stored.split("$")
    settings.JWT_SESSIONS = {**settings.JWT_SESSIONS, "MFA_ENCRYPTION_KEYS": ["another" * 8]}
    assert confirm(phone, begun, mailbox.code()).status_code == 401


@proves("M9")
def test_a_code_confirms_no_address_but_the_one_it_was_sent_to(phone, mailbox):
    begun = begin(phone, mailbox)
    MessageDevice.objects.update(address=mailbox.other_address)
    assert confirm(phone, begun, mailbox.code()).status_code == 401


def test_a_stored_code_is_of_no_use_in_another_row(phone, mailbox, bob, clock):
    begin(phone, mailbox)
    bobs = Device()
    bobs.sign_in(bob)
    begun = begin(bobs, mailbox, "bob@home.example")
    code = mailbox.messages[0][1].split("is ")[1][:6]
    alices = MessageDevice.objects.get(address=mailbox.address)
    others = MessageDevice.objects.exclude(pk=alices.pk)
    others.update(hashed_code=alices.hashed_code)
    assert confirm(bobs, begun, code).status_code == 401


@once
def test_an_sms_ends_in_the_line_that_browsers_read(phone, telephone):
    begin(phone, telephone)
    [(_, text)] = telephone.messages
    code = telephone.code()
    assert text.split("\n") == [
        f"{code} is your code for issuer.example. Give it to nobody.",
        "",
        f"@issuer.example #{code}",
    ]


@once
def test_an_issuer_without_a_host_leaves_that_line_out(phone, telephone, set_jwt):
    set_jwt(ISSUER="our-site", AUDIENCE=["https://issuer.example"])
    deliver_code("123456", channel="sms", address=telephone.address)
    [(_, text)] = telephone.messages
    assert text == "123456 is your code for our-site. Give it to nobody."


@once
@pytest.mark.parametrize(
    ("seconds", "words"),
    [(30, "1 minute."), (119, "1 minute."), (300, "5 minutes.")],
    ids=["30 s", "119 s", "300 s"],
)
def test_a_mail_says_no_more_minutes_than_there_are(mailbox, set_jwt, seconds, words):
    from datetime import timedelta

    set_jwt(MFA_MESSAGE_LIFETIME=timedelta(seconds=seconds))
    deliver_code("123456", channel="email", address=mailbox.address)
    assert f"for {words}" in mailbox.messages[0][1]


@once
def test_a_mail_with_a_code_reads_well(mailbox, set_jwt):
    set_jwt(MFA_ISSUER_NAME="Tom & Sons' <shop>")
    deliver_code("123456", channel="email", address=mailbox.address)
    [sent] = mail.outbox
    assert sent.subject == "Your code for Tom & Sons' <shop>"
    assert sent.body == (
        "Your code for Tom & Sons' <shop> is 123456.\n\n"
        "It works once, for 5 minutes. Give it to nobody: we never ask for it.\n\n"
        "If you did not ask for a code, somebody may know your password: change it. If you have"
        " no account with us, somebody has mistyped an address, and you need not do anything.\n"
    )


@once
@pytest.mark.parametrize("name", ["sms/code.txt", "mail/code.txt"])
def test_a_project_words_messages_its_own_way(settings, tmp_path, mailbox, telephone, name):
    template = tmp_path / "jwt_sessions" / name
    template.parent.mkdir(parents=True)
    template.write_text("Yours: {{ code }} for {{ site }}")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]}]
    inbox = telephone if name.startswith("sms") else mailbox
    deliver_code("123456", channel=inbox.channel, address=inbox.address)
    assert inbox.messages[0][1].strip() == "Yours: 123456 for issuer.example"


@once
def test_a_message_speaks_the_language_of_the_request(alice, de, telephone):
    de.sign_in(alice)
    begin(de, telephone)
    assert telephone.messages[0][1].startswith(f"{telephone.code()}: für issuer.example.")


@once
def test_a_security_mail_speaks_the_language_of_the_request(alice, de, telephone, committed):
    de.sign_in(alice)
    begun = begin(de, telephone)
    with committed():
        confirm(de, begun, telephone.code())
    [sent] = mail.outbox
    assert sent.subject == "issuer.example: zweiter Faktor hinzugefügt"
    assert sent.body.startswith("Hallo alice")


@once
@pytest.mark.parametrize("language", ["de", "ar", "zh-hans"])
def test_messages_can_be_written_in_any_language(mailbox, telephone, language):
    with translation.override(language):
        for inbox in (mailbox, telephone):
            deliver_code("123456", channel=inbox.channel, address=inbox.address)
    [sent], [(_, text)] = mail.outbox, telephone.messages
    assert "123456" in sent.body
    assert "123456" in text


@once
def test_a_template_that_is_missing_is_a_message_not_sent(telephone, settings, caplog):
    from jwt_sessions.exceptions import NotDelivered

    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "APP_DIRS": False}]
    with pytest.raises(NotDelivered):
        deliver_code("123456", channel="sms", address=telephone.address)
    assert TemplateDoesNotExist.__name__ in caplog.text
