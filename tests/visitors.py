"""People at our pages: their browsers, and how they read what these show."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from django.test import Client
from django.urls import reverse

from jwt_sessions.models import Session
from tests.authenticators import Authenticator
from tests.people import FIREFOX, name_of

CODE = re.compile(r"\b[0-9](?:-[0-9A-Z]{5}){3}\b")


def address_of(name, *args):
    return reverse(f"jwt_sessions_pages:{name}", args=args)


class Elements(HTMLParser):
    """All elements of a page as pairs of tag and attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def inputs(self):
        """All inputs and buttons by name, the first of each."""
        found = {}
        for tag, attrs in self.found:
            if tag in {"input", "button"} and "name" in attrs:
                found.setdefault(attrs["name"], attrs)
        return found

    def hidden(self):
        inputs = self.inputs().items()
        return {name: a.get("value", "") for name, a in inputs if a.get("type") == "hidden"}


class Visitor:
    """A person's browser at our pages: it keeps the page it shows, and fills in its form."""

    def __init__(self, user=None, **options):
        self.http = Client(headers={"user-agent": FIREFOX}, **options)
        self.user = user
        self.page = None

    def open(self, name, /, *args, **query):
        """Look at a page, and do not follow where it leads."""
        return self.keep(self.http.get(address_of(name, *args), query))

    def send(self, name, /, *args, **body):
        """Send a form that nobody has shown."""
        return self.keep(self.http.post(address_of(name, *args), body))

    def submit(self, **body):
        """Send the form of the page that is shown, with what it carries."""
        body = {**self.elements.hidden(), **body}
        return self.keep(self.http.post(self.page.request["PATH_INFO"], body))

    def follow(self):
        """Go to where the last answer leads, and on."""
        return self.keep(self.http.get(self.page["Location"], follow=True))

    def give_password(self, user=None, password=None, **body):
        user = user or self.user
        name = user if isinstance(user, str) else user.get_username()
        password = name_of(user) if password is None else password
        return self.send("sign_in", username=name, password=password, **body)

    def sign_in(self, user=None, code=None):
        """Sign in, by a code too where one is given."""
        self.give_password(user)
        if code is not None:
            self.submit(code=code)
        assert self.page.status_code == 302, self.text
        return self

    def confirm(self, code=None):
        """Prove again who it is."""
        self.open("confirm")
        return self.submit(**({"password": name_of(self.user)} if code is None else {"code": code}))

    def begin_app(self):
        """Begin to add an authenticator app, and let it see the page."""
        self.send("totp")
        self.open("totp")
        links = [attrs.get("href", "") for tag, attrs in self.elements.found if tag == "a"]
        return Authenticator(next(link for link in links if link.startswith("otpauth:")))

    def enroll(self):
        """Add an authenticator app, by its first code."""
        app = self.begin_app()
        self.submit(code=app.code())
        return app

    def keep(self, response):
        self.page = response
        return response

    @property
    def text(self):
        return self.page.content.decode()

    @property
    def elements(self):
        return Elements(self.text)

    @property
    def codes(self):
        """The recovery codes that the page shows."""
        return list(dict.fromkeys(CODE.findall(self.text)))

    @property
    def who(self):
        """Who the project takes it for."""
        return self.http.get("/whoami/").content.decode()

    @property
    def is_in(self):
        return self.who == self.user.get_username()

    @property
    def sid(self):
        return self.http.session["jwt_sessions"]["sid"]

    @property
    def session(self):
        return Session.objects.select_related("refresh_token").get(pk=self.sid)

    @property
    def key(self):
        return self.http.session.session_key

    @property
    def leads_to(self):
        """The path that the last answer leads to."""
        return self.page["Location"]
