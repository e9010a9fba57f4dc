"""What holds for every page; a new one is found by its URL."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

import jwt_sessions
from jwt_sessions.models import EncryptedTOTP, FactorAllowance
from jwt_sessions.notices import make_link_token
from jwt_sessions.pages.urls import urlpatterns
from tests.factors import give_recovery_codes, give_totp
from tests.many_sessions import begin
from tests.visitors import Visitor, address_of

once, proves = pytest.mark.once, pytest.mark.proves

NAMES = [pattern.name for pattern in urlpatterns]
# Open to everybody.
OPEN = {"sign_in", "sign_out", "not_me"}
FORMS_ONLY = {
    "device_rename",
    "factor_rename",
    "recovery_codes_download",
    "recovery_codes_saved",
}
SHOWN = [name for name in NAMES if name not in FORMS_ONLY]
SIGNED_IN = [name for name in NAMES if name not in OPEN]
HOSTILE = ["\x00", "\ud800", "\x1b\u202e", "'\"<>{{", "x" * 100_000, "-1", "9" * 50]
FIELDS = [
    *["next", "before", "unknown", "changed", "saved", "code", "codes", "name", "address", "send"],
    *["password", "username", "old_password", "new_password1", "new_password2"],
    *["mfa_token", "backend", "use_recovery_code"],
]
FORM = "application/x-www-form-urlencoded"
CSS = Path(jwt_sessions.__file__).parent / "static/jwt_sessions/pages.css"

every = pytest.mark.parametrize("name", NAMES)
every_shown = pytest.mark.parametrize("name", SHOWN)


@pytest.fixture
def place(alice, phone):
    """The address of a page, of devices of Alice's where it is about one."""
    app = give_totp(alice)
    args = {
        "device_end": [phone.sid],
        "device_rename": [phone.sid],
        "factor_rename": [app.id],
        "factor_remove": [app.id],
        "not_me": [make_link_token(phone.session)],
        "message": ["email"],
    }

    def find(name):
        return address_of(name, *args.get(name, []))

    find.app = app
    return find


@pytest.fixture
def proven(visitor, place):
    """Alice, signed in by both factors."""
    give_recovery_codes(visitor.user)
    return visitor.sign_in(code=place.app.code())


@pytest.fixture
def look(proven, place, other_browser):
    """Open a page as who sees most of it."""

    def open_page(name):
        visitor = other_browser if name == "sign_in" else proven
        return visitor.keep(visitor.http.get(place(name)))

    return open_page


@once
class TestAnswers:
    @every_shown
    def test_it_is_shown_once_signed_in_and_never_stored(self, look, name):
        answer = look(name)
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
        assert "private" in answer["Cache-Control"]

    @every
    def test_a_refusal_is_not_stored_either(self, visitor, place, name):
        answers = [visitor.http.get(place(name)), visitor.http.post(place(name))]
        assert all("no-store" in answer["Cache-Control"] for answer in answers)

    @pytest.mark.parametrize("name", SIGNED_IN)
    def test_a_stranger_is_sent_to_sign_in(self, visitor, place, name):
        for send in (visitor.http.get, visitor.http.post):
            assert send(place(name))["Location"].partition("?")[0] == address_of("sign_in")

    @every
    @pytest.mark.parametrize("method", ["head", "options", "put", "patch", "delete", "trace"])
    def test_another_method_is_no_500(self, proven, visitor, place, name, method):
        for each in (proven, visitor):
            assert getattr(each.http, method)(place(name)).status_code < 500

    @every
    def test_a_form_must_come_from_here(self, proven, place, name):
        strict = Visitor(proven.user, enforce_csrf_checks=True)
        strict.http.cookies = proven.http.cookies
        assert strict.http.post(place(name)).status_code == 403

    @every
    def test_a_form_must_come_from_here_also_without_djangos_middleware(
        self, proven, place, name, settings
    ):
        csrf = "django.middleware.csrf.CsrfViewMiddleware"
        settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != csrf]
        self.test_a_form_must_come_from_here(proven, place, name)

    @every
    def test_a_project_that_asks_everybody_to_sign_in_asks_here_no_other_way(
        self, visitor, place, name, settings
    ):
        theirs = "django.contrib.auth.middleware.LoginRequiredMiddleware"
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, theirs]
        answer = visitor.http.get(place(name))
        if name in OPEN:
            assert answer.status_code == 200
        else:
            assert answer["Location"].startswith(address_of("sign_in"))


@proves("P7")
class TestHostile:
    @every
    @pytest.mark.parametrize("left_out", [[], ["mfa_token"], ["mfa_token", "code"]], ids=len)
    def test_p7_no_input_is_a_500(self, proven, place, name, left_out):
        for text in HOSTILE:
            value = quote(text, errors="surrogatepass")
            body = "&".join(f"{field}={value}" for field in FIELDS if field not in left_out)
            for visitor in (proven, Visitor(proven.user)):
                assert visitor.http.post(place(name), body, FORM).status_code < 500
                if len(body) < 10_000:
                    assert visitor.http.get(f"{place(name)}?{body}").status_code < 500

    @every
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"\xff\xfe\x00" * 100, FORM),
            (b"%ed%a0%80=%00&code=%ff", FORM),
            (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
            (b"{}", "application/json"),
            (b"", ""),
        ],
        ids=range(5),
    )
    def test_p7_no_body_is_a_500(self, proven, place, name, body, content_type):
        assert proven.http.post(place(name), body, content_type).status_code < 500


@once
class TestHtml:
    @every_shown
    def test_it_works_under_a_strict_policy_for_content(self, look, name):
        look_at = look(name)
        text = look_at.content.decode()
        assert not re.search(r"<style|<script(?![^>]* src=)|javascript:", text)
        found = Visitor()
        found.page = look_at
        for tag, attrs in found.elements.found:
            assert "style" not in attrs, tag
            assert not [attr for attr in attrs if attr.startswith("on")], tag

    @every_shown
    def test_it_has_one_heading_a_title_and_labels(self, look, name):
        visitor = Visitor()
        visitor.page = look(name)
        elements = visitor.elements.found
        headings = re.findall(r"<h1>(.*?)</h1>", visitor.text)
        title = re.search(r"<title>(.*?)</title>", visitor.text)[1]
        assert len(headings) == 1
        assert title == f"{headings[0]} – issuer.example"
        assert [attrs["lang"] for tag, attrs in elements if tag == "html"] == ["en-us"]
        ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
        assert len(ids) == len(set(ids))
        labelled = {attrs.get("for") for tag, attrs in elements if tag == "label"}
        for tag, attrs in elements:
            if tag == "input" and attrs.get("type") not in {"hidden", "checkbox"}:
                assert attrs["id"] in labelled

    @every_shown
    def test_with_its_style_it_takes_less_than_60_kb(self, look, name, alice):
        begin(alice, number=50, device_name="A device of some name")
        html = re.sub(r"<figure.*?</figure>", "", look(name).content.decode(), flags=re.DOTALL)
        assert len(html.encode()) + CSS.stat().st_size < 60_000


@proves("P12")
@every_shown
def test_p12_a_page_takes_a_fixed_number_of_queries(look, name, alice):
    def count():
        with CaptureQueriesContext(connection) as queries:
            assert look(name).status_code == 200
        return len(queries)

    look(name)  # once, for what a process learns once
    few = count()
    begin(alice, number=300)
    for number in range(5):
        EncryptedTOTP.make(user_id=alice.pk, name=str(number), confirmed=True)
    assert few == count() <= 6


@every_shown
def test_to_look_changes_nothing(look, name):
    look(name)
    before = rows()
    look(name)
    assert rows() == before


def rows():
    """All rows of all tables of ours."""
    models = apps.get_app_config("jwt_sessions").get_models()
    return {model: list(model._base_manager.order_by("pk").values()) for model in models}


@once
@every
def test_each_page_is_outside_of_the_requests_transaction(with_pages, place, name):
    assert resolve(place(name)).func._non_atomic_requests == set(connections)


class TestATransactionPerRequest:
    @pytest.fixture(autouse=True)
    def atomic(self, monkeypatch):
        for name in connections:
            monkeypatch.setitem(connections.settings[name], "ATOMIC_REQUESTS", True)

    @proves("P4", "P10")
    @pytest.mark.django_db(transaction=True, databases=["default", "accounts"])
    def test_a_wrong_code_stays_counted(self, visitor, alice):
        app = give_totp(alice)
        visitor.give_password()
        visitor.submit(code=app.wrong_code())
        assert FactorAllowance.objects.get().failures == 1
