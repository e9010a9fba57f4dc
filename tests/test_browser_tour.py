"""The demo's own pages in a real browser: home, the terminal walk, and a client that is a page."""

from __future__ import annotations

import re

import pytest

from tests.browsing import (
    NARROW,
    faults,
    follow,
    log_in,
    overflow,
    serve_to_browsers,
    tab_to,
    visit,
)
from tests.serving import Browser, shell

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]

HOSTILE = "<img src=x onerror=\"document.title='mine'\"><b>mallory</b> {status}"

# Bob gets codes that can be had once each; somebody has a name that is no name.
PEOPLE = f"""
from django.contrib.auth.models import User
from jwt_sessions.testing import add_recovery_codes
User.objects.create_user({HOSTILE!r}, password="mallory-demo")
print(*add_recovery_codes(User.objects.get(username="bob")))
"""


@pytest.fixture(autouse=True)
def clock():
    """The real one: the site and the browser, processes of their own, know no other."""


@pytest.fixture(scope="module")
def codes():
    """Bob's recovery codes."""
    return []


@pytest.fixture(scope="module")
def site(chromium, codes, tmp_path_factory):
    def prepare(environment):
        codes.extend(shell(PEOPLE, environment).splitlines()[-1].split())

    with serve_to_browsers(tmp_path_factory.mktemp("demo"), prepare=prepare) as address:
        yield address


@pytest.fixture
def page(chromium, site):
    """The page of the client, opened by somebody who has not signed in yet."""
    with visit(chromium, site) as page:
        page.goto("/client/")
        yield page


def sign_in(page, name, password=None):
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(f"{name}-demo" if password is None else password)
    page.get_by_role("button", name="Sign in").click()


def sign_in_alice(page):
    sign_in(page, "alice")
    page.get_by_text("Signed in as alice.").wait_for()


def claim(page, name):
    facts = page.locator("#token-claims > div")
    return facts.filter(has=page.get_by_text(name, exact=True)).locator(".value code").inner_text()


def requests_of(page):
    """What the log says of each request, without how long it took."""
    return [
        re.sub(r"\s+", " ", re.sub(r"\d+ ms", "", line)).strip()
        for line in page.locator("#log .request").all_inner_texts()
    ]


def expect(*arguments):
    from playwright.sync_api import expect

    return expect(*arguments)


def test_the_home_page_leads_everywhere(chromium, site):
    with visit(chromium, site) as page:
        for name, path in (("A client, step by step", "/client/"), ("In a terminal", "/terminal/")):
            page.goto("/")
            follow(page, page.get_by_role("main").get_by_role("link", name=name))
            assert page.url == site + path
            follow(page, page.get_by_role("navigation").get_by_role("link", name="Home"))
            expect(page.locator("[aria-current=page]")).to_have_text("Home")
        for name in ("Admin", "The API, described", "Public keys"):
            link = page.get_by_role("main").get_by_role("link", name=name)
            assert page.request.get(link.get_attribute("href")).ok


def test_alice_looks_into_her_token_calls_and_refreshes(page):
    sign_in_alice(page)
    parts = page.locator("#token span").all_inner_texts()
    assert page.locator("#token").inner_text() == ".".join(parts)
    assert len(parts) == 3
    assert all(parts)
    assert claim(page, "amr") == '["pwd"]'
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"[0-5]:[0-5]\d left"))
    sid, jti = claim(page, "sid"), claim(page, "jti")

    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("#call-said")).to_have_text("Let in, with 200.")
    expect(page.locator("#call-answer")).to_contain_text(f'"session": "{sid}"')

    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#refresh-said")).to_have_text("New tokens, the same session.")
    verdicts = {
        row.get_attribute("data-name"): row.locator(".verdict").inner_text()
        for row in page.locator("#refresh-changes > div").all()
    }
    assert (verdicts["sid"], verdicts["auth_time"]) == ("stays", "stays")
    assert (verdicts["jti"], verdicts["generation"]) == ("changes", "changes")
    assert (claim(page, "sid"), claim(page, "jti") != jti) == (sid, True)
    assert requests_of(page) == [
        "POST /api/auth/token/ 200",
        "GET /api/me/ 200",
        "POST /api/auth/token/refresh/ 200",
    ]


@pytest.mark.proves("P1")
def test_the_page_sees_that_another_device_has_ended_its_session(page, site):
    sign_in_alice(page)
    page.get_by_label("Watch").check()
    expect(page.locator("#watch-answer")).to_contain_text("200 OK")

    phone = Browser(site, "okhttp/4.12.0")
    phone.sign_in("alice", "alice-demo")
    assert phone.send("DELETE", f"/api/auth/sessions/{claim(page, 'sid')}/") == (204, None)

    expect(page.locator("#watch-said")).to_contain_text("Signed out from elsewhere")
    answer = page.locator("#watch-answer")
    expect(answer).to_contain_text('WWW-Authenticate: Bearer realm="api", error="invalid_token"')
    expect(answer).to_contain_text('"code": "token_not_valid"')
    expect(page.get_by_label("Watch")).not_to_be_checked()
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#refresh-said")).to_contain_text("Refused, with 401")


@pytest.mark.proves("P1")
def test_the_page_sees_that_staff_have_ended_its_session(page, chromium, site):
    sign_in_alice(page)
    page.get_by_label("Watch").check()
    with visit(chromium, site) as office:
        log_in(office, "admin")
        office.goto(f"/admin/jwt_sessions/session/{claim(page, 'sid')}/change/")
        follow(office, office.get_by_role("link", name="Revoke session"))
        follow(office, office.get_by_role("button", name="Yes, revoke it"))
    expect(page.locator("#watch-said")).to_contain_text("Signed out from elsewhere")


def test_the_page_ends_its_session_by_a_second_device_of_its_own(page):
    sign_in_alice(page)
    page.get_by_role("button", name="Do it for me").click()
    expect(page.locator("#end-said")).to_contain_text("has ended this session")
    expect(page.locator("#watch-answer")).to_contain_text("401 Unauthorized")
    expect(page.locator("#watch-said")).to_contain_text("Signed out from elsewhere")


@pytest.mark.proves("P9")
def test_bob_is_asked_for_a_code_on_both_devices(page, codes):
    sign_in(page, "bob")
    code = page.get_by_label("Code", exact=True)
    expect(code).to_be_focused()
    code.fill("000000")
    page.keyboard.press("Enter")
    expect(code).to_have_accessible_description(re.compile("code is not valid"))
    code.fill(codes.pop())
    page.keyboard.press("Enter")
    page.get_by_text("Signed in as bob.").wait_for()
    expect(page.get_by_role("heading", name="Look into the access token")).to_be_focused()
    assert (code.is_visible(), claim(page, "acr")) == (False, "aal2")

    page.get_by_role("button", name="Do it for me").click()
    second = page.get_by_label("Code for the second device")
    expect(second).to_be_focused()
    second.fill(codes.pop())
    page.keyboard.press("Enter")
    expect(page.locator("#end-said")).to_contain_text("has ended this session")
    expect(page.locator("#watch-said")).to_contain_text("Signed out from elsewhere")


def test_who_must_have_a_second_factor_is_told(page):
    sign_in(page, "dave")
    page.get_by_text("must set up a second factor").wait_for()
    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("#call-answer")).to_contain_text('"code": "mfa_enrollment_required"')


def test_what_is_wrong_is_said_at_the_field(page):
    password = page.get_by_label("Password")
    sign_in(page, "alice", "wrong")
    expect(page.locator("#sign-in-said")).to_have_text("alice is not signed in.")
    expect(password).to_have_accessible_description(re.compile("No active account"))
    expect(password).to_be_focused()
    sign_in(page, "", "wrong")
    name = page.get_by_label("User name")
    expect(name).to_have_accessible_description("Please fill this in.")
    expect(name).to_be_focused()
    expect(password).not_to_have_attribute("aria-invalid", "true")
    assert faults(page) == []


def test_a_hostile_name_is_shown_and_does_nothing(page):
    title = page.title()
    sign_in(page, HOSTILE, "wrong")
    expect(page.locator("#sign-in-said")).to_have_text(f"{HOSTILE} is not signed in.")
    sign_in(page, HOSTILE, "mallory-demo")
    expect(page.locator("#sign-in-said")).to_have_text(f"Signed in as {HOSTILE}.")
    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("#call-answer")).to_contain_text("<b>mallory</b>")
    assert (page.locator("main img, main b").count(), page.title()) == (0, title)


def test_who_signs_out_leaves_nothing_behind(page):
    sign_in_alice(page)
    sid, token = claim(page, "sid"), page.locator("#token").inner_text()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#sign-out-said")).to_have_text("Signed out. The tokens are forgotten.")
    expect(page.get_by_label("User name")).to_be_focused()
    left = page.content()
    assert not [each for each in (sid, *token.split(".")) if each in left]
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [
        0,
        0,
        "",
    ]
    assert page.context.cookies() == []


def test_a_site_that_does_not_answer_is_told_of_and_may_be_asked_again(page):
    sign_in_alice(page)
    page.evaluate("[window.ask, window.fetch] = [fetch, () => Promise.reject(new TypeError())]")
    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("#call-said")).to_contain_text("did not answer")
    page.evaluate("window.fetch = window.ask")
    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("#call-said")).to_have_text("Let in, with 200.")


def test_an_expired_token_is_not_taken_for_an_ended_session(chromium, tmp_path):
    times = '{"ACCESS_TOKEN_LIFETIME": 2, "LEEWAY": 0}'
    with (
        serve_to_browsers(tmp_path, DEMO_TIMES=times) as site,
        visit(chromium, site) as page,
    ):
        page.goto("/client/")
        sign_in_alice(page)
        page.get_by_label("Watch").check()
        expect(page.locator("#watch-said")).to_contain_text("Refresh, and watch on.")
        expect(page.get_by_role("timer")).to_contain_text("over")
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("#sign-out-said")).to_contain_text("Signed out.")
        assert requests_of(page)[-2:] == [
            "POST /api/auth/logout/ 401",
            "POST /api/auth/token/blacklist/ 200",
        ]


def test_alice_goes_through_it_by_keyboard_alone(page):
    tab_to(page, page.get_by_role("button", name="Sign in"))
    page.keyboard.press("Enter")
    page.get_by_text("Signed in as alice.").wait_for()
    for name, said in (("Who am I?", "#call-said"), ("Refresh", "#refresh-said")):
        tab_to(page, page.get_by_role("button", name=name))
        page.keyboard.press("Enter")
        expect(page.locator(said)).not_to_be_empty()
    tab_to(page, page.get_by_label("Watch"))
    page.keyboard.press("Space")
    expect(page.locator("#watch-answer")).to_contain_text("200 OK")
    tab_to(page, page.get_by_role("button", name="Sign out"))
    page.keyboard.press("Enter")
    expect(page.locator("#sign-out-said")).to_contain_text("Signed out.")


def go_through(page):
    """Yield at each state of the pages that looks different from the others."""
    for path in ("/", "/terminal/", "/client/"):
        page.goto(path)
        yield path
    page.locator("#password").fill("wrong")
    page.locator("#sign-in button").click()
    page.locator("#password-error:not(:empty)").wait_for()
    yield "a wrong password"
    page.locator("#username").fill("bob")
    page.locator("#password").fill("bob-demo")
    page.locator("#sign-in button").click()
    page.locator("#code").wait_for()
    yield "a code is asked for"
    page.locator("#username").fill("alice")
    page.locator("#password").fill("alice-demo")
    page.locator("#sign-in button").click()
    for button, shown in (
        ("#call", "#call-answer pre"),
        ("#refresh", "#refresh-changes div >> nth=0"),
        ("#end", "#end-said[data-mood=good]"),
    ):
        page.locator(button).click()
        page.locator(shown).wait_for()
    expect(page.locator("#watch-answer")).to_contain_text("401")
    yield "all answers"


@pytest.mark.parametrize("viewport", [None, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(scheme, viewport, chromium, site):
    options = {"viewport": viewport} if viewport else {}
    with visit(chromium, site, color_scheme=scheme, **options) as page:
        found = {state: faults(page) for state in go_through(page)}
    assert not any(found.values()), found


@pytest.mark.parametrize("locale", ["en", "he"])
def test_nothing_is_wider_than_a_narrow_window(locale, chromium, site):
    wide = {}
    with visit(chromium, site, locale=locale, viewport=NARROW) as page:
        for state in go_through(page):
            assert page.locator("html").get_attribute("lang") == locale
            wide[state] = overflow(page)
    assert set(wide.values()) == {0}, wide


def test_without_javascript_the_client_points_to_the_terminal(chromium, site):
    with visit(chromium, site, java_script_enabled=False) as page:
        page.goto("/client/")
        assert not page.get_by_role("button", name="Sign in").is_visible()
        follow(page, page.get_by_role("link", name="the same steps work in a terminal."))
        assert page.url == f"{site}/terminal/"
