"""The pages about devices: where somebody is signed in, naming, ending."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils.html import escape

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason, Session
from tests.people import Device
from tests.visitors import Visitor, address_of

proves = pytest.mark.proves

UNKNOWN = "01890000-0000-7000-8000-000000000000"
GARBAGE = ["", "x", "\x00", "0" * 5000, "-1", "[]", "\u202e", "00000000000000000000000000000000"]
HOSTILE = [
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ("\u202egpj.exe\u202c", "gpj.exe"),
    ('" onfocus="alert(1)', '" onfocus="alert(1)'),
    ("{{ person.password }}{% csrf_token %}", "{{ person.password }}{% csrf_token %}"),
    ("line\r\nbreak\x1b[31m", "line break[31m"),
    ("ю" * 100, "ю" * 100),
]


@pytest.fixture
def rows(visitor):
    """The devices that the page shows, each as its text."""

    def read(name="devices", **query):
        visitor.open(name, **query)
        return re.findall(r'<li class="device.*?</form>.*?</li>', visitor.text, re.DOTALL)

    return read


def names(rows):
    return [re.search(r"<h2><bdi>(.*?)</bdi>", row)[1] for row in rows]


def sign_in_on(user, *device_names, clock):
    for name in device_names:
        clock.shift(1)
        device = Device()
        device.sign_in(user, device_name=name)
    return device


class TestList:
    def test_this_device_comes_first_and_cannot_be_signed_out_there(
        self, visitor, rows, alice, clock
    ):
        visitor.sign_in()
        sign_in_on(alice, "old", "new", clock=clock)
        this, *others = rows()
        assert "This device" in this
        assert address_of("device_end", visitor.sid) not in this
        assert names(others) == ["new", "old"]
        assert all("This device" not in row and "/end/" in row for row in others)

    def test_it_says_what_is_known_of_each(self, visitor, rows):
        visitor.sign_in()
        [this] = rows()
        for text in ("Firefox on Windows", "127.0.0.1", "just now", "password"):
            assert text in this
        assert "You are signed in nowhere else." in visitor.text

    def test_an_app_without_a_browser_is_one(self, visitor, rows, alice):
        visitor.sign_in()
        Device(**{"user-agent": ""}).sign_in(alice)
        _, other = rows()
        assert "unknown device" in other

    def test_nobody_elses_are_shown(self, visitor, rows, bob, clock):
        visitor.sign_in()
        sign_in_on(bob, "bobs phone", clock=clock)
        assert len(rows()) == 1
        assert "bobs phone" not in visitor.text

    @proves("P12")
    def test_p12_a_page_has_25_and_leads_to_the_next(self, visitor, rows, alice, clock):
        sign_in_on(alice, *[f"device {number:02}" for number in range(60)], clock=clock)
        visitor.sign_in()
        pages = [names(rows()[1:])]
        while older := re.search(r"\?before=([0-9a-f-]+)", visitor.text):
            pages.append(names(rows(before=older[1])))
        assert [len(page) for page in pages] == [25, 25, 10]
        assert [*pages[0], *pages[1], *pages[2]] == [
            f"device {number:02}" for number in reversed(range(60))
        ]
        assert "This device" not in visitor.text

    @proves("P7")
    @pytest.mark.parametrize("before", GARBAGE, ids=ascii)
    def test_p7_garbage_is_no_place_in_the_list(self, visitor, rows, before):
        visitor.sign_in()
        rows(before=before)
        assert visitor.page.status_code == 200

    def test_what_ended_lately_is_told_with_the_reason(self, visitor, alice, clock):
        for name, reason in (("gone", "signed_out"), ("lost", "revoked_by_staff")):
            sid = sign_in_on(alice, name, clock=clock).sid
            sessions.revoke(sid, reason=RevokedReason(reason))
        sign_in_on(alice, "idle", clock=clock)
        clock.shift(timedelta(days=2))
        visitor.sign_in()
        visitor.open("devices")
        ended = visitor.text.partition("Ended lately")[2]
        told = re.findall(r"<bdi>(\w+)</bdi></strong>\s*<span>(.*?)</span>", ended)
        assert told == [
            ("idle", "not used for a long time"),
            ("lost", "ended by staff"),
            ("gone", "signed out"),
        ]
        clock.shift(timedelta(days=60))
        assert "Ended lately" not in Visitor(alice).sign_in().open("devices").content.decode()

    def test_one_that_lasted_long_is_among_them(self, visitor, alice, clock, set_jwt):
        lifetime = timedelta(days=365)
        set_jwt(SESSION_LIFETIME=lifetime, REFRESH_TOKEN_LIFETIME=lifetime)
        sid = sign_in_on(alice, "old friend", clock=clock).sid
        clock.shift(timedelta(days=200))
        sessions.revoke(sid, reason=RevokedReason.REVOKED_BY_STAFF)
        assert "old friend" in visitor.sign_in().open("devices").content.decode()


class TestNames:
    def test_a_device_gets_another_name_and_loses_it(self, visitor, rows, phone):
        visitor.sign_in()
        for sid in (visitor.sid, phone.sid):
            visitor.send("device_rename", sid, name="  Kitchen  ")
            assert visitor.leads_to == address_of("devices")
            visitor.follow()
            assert "This device is called “Kitchen” now." in visitor.text
        assert names(rows()) == ["Kitchen", "Kitchen"]
        visitor.send("device_rename", phone.sid, name="")
        assert names(rows()) == ["Kitchen", "Firefox on Windows"]

    @proves("A3")
    @pytest.mark.parametrize(("name", "shown"), HOSTILE, ids=range(len(HOSTILE)))
    def test_a3_a_hostile_name_is_shown_as_text(self, visitor, phone, name, shown):
        visitor.sign_in()
        visitor.send("device_rename", phone.sid, name=name)
        for page in (
            visitor.follow(),
            visitor.open("device_end", phone.sid),
            visitor.open("devices"),
        ):
            text = page.content.decode()
            assert f"<bdi>{escape(shown)}</bdi>" in text
            assert name not in text or name == escape(name)
        assert phone.session.device_name == shown

    @proves("A3")
    @pytest.mark.parametrize("name", ["x" * 101, "a\x00b"], ids=["long", "nul"])
    def test_what_can_be_no_name_is_refused(self, visitor, phone, name):
        visitor.sign_in()
        visitor.send("device_rename", phone.sid, name=name)
        visitor.follow()
        assert "message error" in visitor.text
        assert phone.session.device_name == ""

    @proves("A2")
    def test_a2_anothers_and_none_at_all_are_the_same(self, visitor, bob):
        theirs = Device()
        theirs.sign_in(bob)
        visitor.sign_in()
        for sid in (theirs.sid, UNKNOWN):
            assert visitor.send("device_rename", sid, name="mine").status_code == 404
            assert visitor.open("device_end", sid).status_code == 404
            assert visitor.send("device_end", sid).status_code == 404
        assert theirs.session.device_name == ""
        assert theirs.call_protected().status_code == 200

    def test_no_name_can_be_given_by_a_link(self, visitor, phone):
        visitor.sign_in()
        assert visitor.open("device_rename", phone.sid, name="x").status_code == 405


class TestEnding:
    @proves("P1")
    def test_p1_a_device_that_is_ended_is_out_at_once(self, visitor, phone):
        visitor.sign_in()
        visitor.open("device_end", phone.sid)
        assert phone.call_protected().status_code == 200
        visitor.submit()
        assert phone.call_protected().status_code == 401
        assert phone.session.revoked_reason == RevokedReason.SIGNED_OUT_REMOTELY
        assert phone.session.revoked_by == visitor.user
        visitor.follow()
        assert "That device is signed out." in visitor.text

    def test_this_one_leads_to_signing_out(self, visitor):
        visitor.sign_in()
        assert visitor.open("device_end", visitor.sid)["Location"] == address_of("sign_out")
        assert visitor.send("device_end", visitor.sid).status_code == 404
        assert visitor.is_in

    @proves("V3")
    @pytest.mark.parametrize("name", ["device_end", "devices_end_others"])
    def test_v3_it_needs_a_recent_login_and_comes_back(self, visitor, phone, clock, name):
        visitor.sign_in()
        clock.shift(timedelta(minutes=15, seconds=1))
        args = [phone.sid] if name == "device_end" else []
        visitor.send(name, *args)
        assert visitor.leads_to.startswith(address_of("confirm"))
        assert phone.session.revoked_at is None
        visitor.open(name, *args)
        visitor.follow()
        visitor.submit(password="alice")
        assert visitor.leads_to == address_of(name, *args)
        visitor.follow()
        visitor.submit()
        assert phone.session.revoked_at is not None

    def test_one_that_is_not_known_leads_to_another_password(self, visitor, phone):
        visitor.sign_in()
        visitor.open("device_end", phone.sid, unknown="yes")
        assert "<h1>Was this not you?</h1>" in visitor.text
        visitor.submit()
        assert visitor.leads_to == address_of("password")
        visitor.follow()
        assert "Whoever it was knew your password" in visitor.text

    def test_who_has_no_password_is_not_led_to_another_one(self, visitor, alice):
        alice.set_unusable_password()
        alice.save()
        visitor.http.post("/become/", {"username": alice.get_username()})
        other = sessions.start(alice).session
        visitor.open("device_end", other.pk, unknown="yes")
        assert "knows your password" not in visitor.text
        visitor.submit(unknown="yes")
        assert visitor.leads_to == address_of("devices")

    def test_all_others_end_and_this_one_stays(self, visitor, phone, laptop, other_browser, bob):
        bobs = Visitor(bob).sign_in()
        other_browser.sign_in()
        visitor.sign_in()
        visitor.open("devices_end_others")
        assert "3 other devices are signed out at once." in visitor.text
        visitor.submit()
        visitor.follow()
        assert "3 other devices are signed out." in visitor.text
        assert (visitor.is_in, other_browser.who, bobs.is_in) == (True, "", True)
        assert {device.call_protected().status_code for device in (phone, laptop)} == {401}
        assert Session.objects.live().count() == 2

    def test_where_there_are_none_there_is_nothing_to_end(self, visitor):
        visitor.sign_in()
        visitor.open("devices_end_others")
        assert "You are signed in nowhere else." in visitor.text
