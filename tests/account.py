"""People at the pages for end users, in a real browser."""

from __future__ import annotations

import re
from contextlib import contextmanager
from email import message_from_bytes, policy

from tests.browsing import follow, serve_to_browsers
from tests.serving import shell

# Each code can be had once.
PEOPLE = """
from django.contrib.auth.models import User
from jwt_sessions import testing
for name in ("erin", "frank", "walt", "wanda", "wendy", "wilma"):
    person = User.objects.create_user(name, f"{name}@example.com", f"{name}-demo")
    testing.add_totp(person, name="My phone")
    print(name, *testing.add_recovery_codes(person))
for name in ("heidi", "ivan", "judy"):
    User.objects.create_user(name, f"{name}@example.com", f"{name}-demo")
"""

ELSEWHERE = """
from django.contrib.auth.models import User
from django.test import RequestFactory
from jwt_sessions import sessions
request = RequestFactory().post("/", headers={{"user-agent": "{agent}", "host": "{host}"}})
sessions.start(User.objects.get(username="{name}"), request=request, device_name="{agent}"[:9])
"""


class Site:
    """The demo, as people who use it know it: its address, their codes, their mails."""

    def __init__(self, folder):
        self.mails = folder / "mails"
        self.codes, self.address, self.environment = {}, None, None

    def prepare(self, environment):
        self.environment = environment
        for line in self.run(PEOPLE).splitlines():
            name, *codes = line.split()
            self.codes[name] = codes

    def run(self, code):
        """Do something in the site's own Python; return what it prints."""
        return shell(code, self.environment)

    def sign_in_elsewhere(self, name, agent):
        """Let a person be signed in on another device."""
        host = self.address.partition("//")[2]
        self.run(ELSEWHERE.format(name=name, agent=agent, host=host))

    def links_to(self, name):
        """Return the links that somebody was sent, the oldest first."""
        paths = sorted(self.mails.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        # As a mail program reads it, for a long line may be sent in pieces.
        mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
        theirs = [mail.get_content() for mail in mails if mail["To"] == f"{name}@example.com"]
        return re.findall(r"http://\S+/not-me/\S+", "".join(theirs))


@contextmanager
def serve_account(folder):
    site = Site(folder)
    site.mails.mkdir()
    variables = {"DJANGO_SETTINGS_MODULE": "tests.account_settings", "MAILS": str(site.mails)}
    with serve_to_browsers(folder, prepare=site.prepare, **variables) as site.address:
        yield site


def sign_in(page, name, *, code=None, password=None):
    """Sign in at the page; with a recovery code where one is given."""
    page.goto("/account/sign-in/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password or f"{name}-demo")
    press(page, "Sign in")
    if code is not None:
        press(page, "Use a recovery code instead")
        give_code(page, code)


def give_code(page, code, *, button="Sign in"):
    page.get_by_label("Code", exact=True).fill(code)
    press(page, button)


def press(page, name):
    """Press a button, and wait for the page that it leads to."""
    follow(page, page.get_by_role("button", name=name, exact=True))


def click(page, name):
    """Click on a link, and wait for the page that it leads to."""
    follow(page, page.get_by_role("link", name=name, exact=True).first)


def device_row(page, name):
    """Return the row of a device."""
    return page.locator(".device", has=page.get_by_role("heading", name=name))


def heading(page):
    return page.get_by_role("heading", level=1).inner_text()
