"""What a person is told when somebody signs in as them on a device that is new."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.core import mail, signing
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, resolve

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from jwt_sessions.notices import LINK_LIFETIME, REMEMBERED_FOR, make_link_token, read_link_token
from tests import browser_urls
from tests.browsers import DJANGOS, OURS, middleware
from tests.checking import problems
from tests.factors import give_totp
from tests.people import FIREFOX, Device, credentials
from tests.test_message_texts import compile_catalog

SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15"
)
NEWER_FIREFOX = FIREFOX.replace("146.0", "147.0")
W016 = "jwt_sessions.W016"

proves = pytest.mark.proves
once = pytest.mark.once
mounted = pytest.mark.urls(__name__)
pytestmark = pytest.mark.django_db


def page(request, **kwargs):
    return HttpResponse("a page of ours")


PAGES = [
    path("sign-in/", page, name="sign_in"),
    path("not-me/<str:token>/", page, name="not_me"),
]
urlpatterns = [
    path("account/", include((PAGES, "jwt_sessions_pages"))),
    *browser_urls.urlpatterns,
]


@pytest.fixture
def sign_in(alice, committed, clock):
    """Let somebody sign in as Alice over the API, a minute after whatever was before."""

    def act(user_agent=FIREFOX, *, headers=None, **body):
        clock.shift(60)
        device = Device(**{"user-agent": user_agent}, **(headers or {}))
        with committed():
            answer = device.sign_in(alice, **body)
        assert answer.status_code == 200, answer.content
        return device.session

    return act


@pytest.fixture
def sign_in_by_browser(alice, committed, clock):
    """Let somebody sign in as Alice by Django's login page."""

    def act(user_agent=FIREFOX):
        clock.shift(60)
        browser = Client(headers={"user-agent": user_agent})
        body = {"username": alice.get_username(), "password": "alice"}
        with committed():
            assert browser.post("/login/", body).status_code == 302
        return browser

    return act


def link_in(sent):
    return re.search(r"^http\S+$", sent.body, re.MULTILINE)


# Which device is new


@proves("M11")
def test_another_browser_is_told_of(sign_in):
    sign_in()
    sign_in(SAFARI)
    [sent] = mail.outbox
    assert sent.to == ["alice@example.com"]
    assert sent.subject == "issuer.example: signed in on a new device"
    assert "Device: Safari on Mac OS X\n" in sent.body


def test_the_first_session_of_a_person_is_nothing_new(sign_in):
    sign_in()
    assert not mail.outbox


def test_somebody_elses_device_is_new(sign_in, bob, committed):
    with committed():
        Device(**{"user-agent": SAFARI}).sign_in(bob)
    sign_in()
    sign_in(SAFARI)
    assert [sent.to for sent in mail.outbox] == [["alice@example.com"]]


@pytest.mark.parametrize("again", [FIREFOX, NEWER_FIREFOX], ids=["the same", "updated"])
def test_a_browser_that_was_there_before_is_known(sign_in, again):
    sign_in()
    sign_in(SAFARI)
    mail.outbox.clear()
    sign_in(again)
    assert not mail.outbox


def test_the_same_browser_on_another_system_is_new(sign_in):
    sign_in()
    sign_in("Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0")
    assert "Device: Firefox on Linux\n" in mail.outbox[0].body


def test_an_app_is_known_by_the_name_of_its_device(sign_in):
    sign_in()
    sign_in("OurApp/1 (iPhone; iOS 18.1)", device_name="Alice's phone")
    mail.outbox.clear()
    sign_in("okhttp/4.9", device_name="Alice's phone")
    assert not mail.outbox


def test_who_says_nothing_of_itself_is_a_device_of_its_own(sign_in):
    sign_in()
    sign_in("")
    sign_in("")
    [sent] = mail.outbox
    assert "Device: unknown device\n" in sent.body


def test_who_says_nothing_but_a_name_is_known_by_that_alone(sign_in):
    sign_in("", device_name="Alice's kiosk")
    sign_in("", device_name="Mallory's")
    sign_in("", device_name="Alice's kiosk")
    [sent] = mail.outbox
    assert "Device: Mallory's\n" in sent.body


def test_a_device_is_forgotten_after_ninety_days(sign_in, clock):
    sign_in()
    sign_in(SAFARI)
    mail.outbox.clear()
    clock.shift(REMEMBERED_FOR - timedelta(minutes=1))
    sign_in(SAFARI)
    assert not mail.outbox
    clock.shift(REMEMBERED_FOR)
    sign_in(SAFARI)
    assert len(mail.outbox) == 1


def test_a_device_whose_session_is_over_is_known(sign_in):
    former = sign_in()
    sessions.revoke(former.pk, reason=RevokedReason.SIGNED_OUT)
    sign_in()
    assert not mail.outbox


def test_a_device_is_told_of_once(sign_in):
    sign_in()
    for _ in range(3):
        sign_in(SAFARI)
    assert len(mail.outbox) == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_many_that_sign_in_at_once_the_first_is_told_of(alice, throttles_off, threads, clock):
    Device().sign_in(alice)
    clock.shift(60)
    call = ("token/", credentials(alice, "alice"), None, {"user-agent": SAFARI})
    replies = threads(6).send_at_once([call] * 6)
    assert {reply.status for reply in replies} == {200}
    assert 1 <= len(mail.outbox) <= 6
    before = len(mail.outbox)
    clock.shift(60)
    Device(**{"user-agent": SAFARI}).sign_in(alice)
    assert len(mail.outbox) == before


# Who is told


@once
def test_security_mails_can_be_turned_off(sign_in, set_jwt):
    set_jwt(SECURITY_MAILS=False)
    sign_in()
    sign_in(SAFARI)
    assert not mail.outbox


@once
def test_who_has_no_address_gets_none(sign_in, alice):
    type(alice).objects.update(email="")
    sign_in()
    sign_in(SAFARI)
    assert not mail.outbox


@once
def test_a_user_model_without_addresses_is_no_obstacle(sign_in, monkeypatch):
    monkeypatch.delattr(AbstractBaseUser, "get_email_field_name")
    sign_in()
    sign_in(SAFARI)
    assert not mail.outbox


@pytest.mark.django_db(transaction=True)
def test_p12_only_who_may_get_a_mail_costs_a_query(alice, set_jwt, clock, monkeypatch):
    def count():
        clock.shift(60)
        device = Device(**{"user-agent": SAFARI})
        with CaptureQueriesContext(connection) as queries:
            device.sign_in(alice)
        return len(queries)

    # Of the first of them the process learns what it never asks again.
    first, new, known = (count() for _ in range(3))
    assert new == known <= first
    set_jwt(SECURITY_MAILS=False)
    assert count() == known - 1
    set_jwt(SECURITY_MAILS=True)
    monkeypatch.delattr(AbstractBaseUser, "get_email_field_name")
    assert count() == known - 1


@once
def test_a_broken_mail_server_stops_no_sign_in(sign_in, mailbox, caplog):
    sign_in()
    mailbox.fail()
    sign_in(SAFARI)
    assert "a mail about a new device cannot be sent: ConnectionError" in caplog.text
    assert "alice@example.com" not in caplog.text
    assert "not-me" not in caplog.text


@once
def test_a_sign_in_without_a_request_is_told_of_too(sign_in, alice, clock, committed):
    sign_in()
    clock.shift(60)
    with committed():
        sessions.start(alice, device_name="Nightly job")
    [sent] = mail.outbox
    assert "Device: Nightly job\n" in sent.body
    assert "Address:" not in sent.body
    assert link_in(sent) is None


# Browser sessions


@mounted
@pytest.mark.usefixtures("switched_on")
class TestBrowsers:
    def test_a_login_by_any_page_is_told_of(self, sign_in_by_browser):
        sign_in_by_browser()
        sign_in_by_browser(SAFARI)
        [sent] = mail.outbox
        assert "Device: Safari on Mac OS X\n" in sent.body
        assert link_in(sent)

    def test_a_browser_known_from_the_api_is_known(self, sign_in, sign_in_by_browser):
        sign_in(SAFARI)
        sign_in_by_browser(SAFARI)
        assert not mail.outbox

    def test_a_login_is_told_of_before_its_code(self, sign_in, sign_in_by_browser, alice):
        sign_in()
        give_totp(alice)
        browser = sign_in_by_browser(SAFARI)
        assert browser.get("/whoami/").content == b""
        assert len(mail.outbox) == 1

    def test_a_session_that_was_there_before_us_is_none(
        self, sign_in, sign_in_by_browser, settings, clock, committed
    ):
        sign_in()
        settings.MIDDLEWARE = middleware(DJANGOS)
        cookies = sign_in_by_browser(SAFARI).cookies
        settings.MIDDLEWARE = middleware(OURS)
        browser = Client(headers={"user-agent": SAFARI})
        browser.cookies = cookies
        with committed():
            assert browser.get("/whoami/").content != b""
        assert Session.objects.filter(kind="browser").count() == 1
        assert not mail.outbox


# What the mail says


@once
@mounted
def test_a_whole_mail_reads_well(sign_in, set_jwt):
    set_jwt(MFA_ISSUER_NAME="Tom & Sons' <shop>")
    sign_in()
    session = sign_in(SAFARI, device_name="Alice's phone")
    [sent] = mail.outbox
    assert sent.subject == "Tom & Sons' <shop>: signed in on a new device"
    link = f"http://testserver/account/not-me/{make_link_token(session)}/"
    assert sent.body == (
        "Hello alice,\n\n"
        "Somebody signed in to your account on a device that we had not seen before.\n\n"
        "When: Nov. 23, 2026, 12:02 p.m. UTC\n"
        "Device: Alice's phone (Safari on Mac OS X)\n"
        "Address: 127.0.0.1\n\n"
        "If it was you, you need not do anything.\n\n"
        f"If it was not you, end that session here:\n{link}\n"
        "Then change your password. The link works once, for 7 days, and signs nobody in.\n\n"
        "Tom & Sons' <shop>\n"
    )


@once
def test_without_the_page_the_mail_says_what_to_do(sign_in):
    sign_in()
    sign_in(SAFARI)
    [sent] = mail.outbox
    assert link_in(sent) is None
    assert sent.body.endswith(
        "If it was you, you need not do anything.\n\n"
        "If it was not you, change your password now and sign out that device.\n\n"
        "issuer.example\n"
    )


@once
@mounted
def test_a_poisoned_host_makes_no_link(sign_in):
    sign_in()
    sign_in(SAFARI, headers={"host": "evil.example"})
    [sent] = mail.outbox
    assert "evil" not in sent.body
    assert link_in(sent) is None


@once
@mounted
@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("https://evil.example/a?b=c", "https evil example a b c"),
        ("www.evil.example", "www evil example"),
        ("evil。example", "evil example"),
        ("mallory@evil.example", "mallory evil example"),
        ("phone\r\nBcc: mallory@evil.example", "phone Bcc mallory evil example"),
        ("phone\n\nCall us: tel:5550100", "phone Call us tel 5550100"),
        ("<a href='x'>{{ user.password }}", "a href 'x' user password"),
        ("\u202egpj\u202c", "gpj"),
        ("Ελένη’s 📱 (work)", "Ελένη’s 📱 (work)"),
    ],
)
def test_a_hostile_name_is_shown_harmlessly(sign_in, hostile, shown):
    sign_in()
    session = sign_in("", device_name=hostile)
    [sent] = mail.outbox
    assert f"\nDevice: {shown}\n" in sent.body
    assert sent.recipients() == ["alice@example.com"]
    assert sent.body.count("://") == 1
    assert make_link_token(session) in link_in(sent).group()


@once
@pytest.mark.parametrize(
    "user_agent",
    ["evil.example/login/1.0 CFNetwork/1400 Darwin/22.0", "www.evil.example bot/1.0"],
)
def test_a_hostile_user_agent_is_shown_harmlessly(sign_in, user_agent):
    sign_in()
    sign_in(user_agent)
    [sent] = mail.outbox
    [device] = re.findall(r"^Device: (.*)$", sent.body, re.MULTILINE)
    assert not set(device) & set("./:@")


@once
def test_a_mail_speaks_the_language_of_the_request(sign_in, settings, tmp_path):
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    texts = {
        "%(site)s: signed in on a new device": "%(site)s: auf neuem Gerät angemeldet",
        "Hello %(name)s,": "Hallo %(name)s,",
    }
    (folder / "django.mo").write_bytes(compile_catalog(texts))
    settings.LOCALE_PATHS = [tmp_path]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    sign_in()
    sign_in(SAFARI, headers={"accept-language": "de"})
    settings.LOCALE_PATHS = []
    [sent] = mail.outbox
    assert sent.subject == "issuer.example: auf neuem Gerät angemeldet"
    assert sent.body.startswith("Hallo alice")


# The link


@mounted
def test_the_link_names_the_new_session(sign_in):
    former = sign_in()
    session = sign_in(SAFARI)
    [sent] = mail.outbox
    url = link_in(sent).group()
    match = resolve(url.removeprefix("http://testserver"))
    assert match.view_name == "jwt_sessions_pages:not_me"
    assert read_link_token(match.kwargs["token"]) == session.pk != former.pk


def test_a_link_works_for_seven_days(alice, clock):
    session = sessions.start(alice).session
    token = make_link_token(session)
    clock.shift(LINK_LIFETIME)
    assert read_link_token(token) == session.pk
    clock.shift(1)
    assert read_link_token(token) is None


@pytest.mark.parametrize(
    "token",
    ["", ":", "::", "a:b:c", "x" * 5000, "\x00", "\ud800", "ü:ü:ü", "eyJzaWQiOiJ4In0:1:x"],
    ids=ascii,
)
def test_what_is_no_link_is_none(token):
    assert read_link_token(token) is None


def test_a_link_that_was_bent_is_none(alice):
    token = make_link_token(sessions.start(alice).session)
    other = str(UUID(int=0))
    payload = signing.dumps({"sid": other}, salt="jwt_sessions.not_me").partition(":")[0]
    bent = f"{payload}:{token.partition(':')[2]}"
    for text in (token[:-1], f"{token}x", token.swapcase(), bent):
        assert read_link_token(text) is None


def test_what_was_signed_for_something_else_is_no_link(alice):
    session = sessions.start(alice).session
    payload = {"sid": str(session.pk)}
    assert read_link_token(signing.dumps(payload)) is None
    assert read_link_token(signing.dumps(payload, salt="jwt_sessions")) is None
    assert read_link_token(sessions.start(alice).access) is None


@proves("M11")
def test_a_link_is_no_way_in(alice, client):
    token = make_link_token(sessions.start(alice).session)
    headers = {"authorization": f"Bearer {token}"}
    assert client.get("/protected/", headers=headers).status_code == 401
    for endpoint in ("token/refresh/", "token/verify/"):
        body = {"refresh": token, "token": token}
        assert client.post(f"/api/auth/{endpoint}", body, "application/json").status_code == 401


def test_a_link_outlives_a_rotated_secret_key(alice, settings):
    session = sessions.start(alice).session
    token = make_link_token(session)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    assert read_link_token(token) == session.pk
    settings.SECRET_KEY_FALLBACKS = []
    assert read_link_token(token) is None


# Whether callers choose where it leads


@once
@pytest.mark.parametrize(
    ("hosts", "mails", "is_fine"),
    [
        (["issuer.example"], True, True),
        ([".issuer.example"], True, True),
        (["issuer.example", "*"], True, False),
        (["*"], False, True),
    ],
)
def test_deploy_asks_for_the_names_of_the_site(settings, set_jwt, hosts, mails, is_fine):
    settings.ALLOWED_HOSTS = hosts
    set_jwt(SECURITY_MAILS=mails)
    assert (W016 not in problems(deploy=True)) is is_fine
    assert W016 not in problems()
