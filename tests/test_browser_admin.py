"""The admin in a real browser: as it is seen, by keyboard alone, without JavaScript."""

from __future__ import annotations

import pytest

from tests.browser_settings import POLICY
from tests.browsing import (
    NARROW,
    faults,
    find_pages,
    log_in,
    overflow,
    serve_to_browsers,
    tab_to,
    visit,
)
from tests.serving import shell

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]

# Bob of the demo becomes staff, who has a second factor; each code can be had once.
BOB = """
from django.contrib.auth.models import User
from jwt_sessions.testing import add_recovery_codes
User.objects.filter(username="bob").update(is_staff=True, is_superuser=True)
print(*add_recovery_codes(User.objects.get(username="bob")))
"""

# Django's first step has none.
NO_HEADING = ("page-has-heading-one", "^html$")

with_and_without_javascript = pytest.mark.parametrize(
    "javascript", [True, False], ids=["with JavaScript", "without"]
)


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
        codes.extend(shell(BOB, environment).split())

    with serve_to_browsers(tmp_path_factory.mktemp("demo"), prepare=prepare) as address:
        yield address


@pytest.fixture(scope="module")
def admin(chromium, site):
    """What a browser keeps in which the superuser is logged in."""
    with visit(chromium, site) as page:
        log_in(page, "admin")
        return page.context.storage_state()


@pytest.fixture(scope="module")
def pages(chromium, site, admin):
    """An address for each kind of page of ours, found by following the links."""
    with visit(chromium, site, storage_state=admin) as page:
        return find_pages(page)


@pytest.fixture
def visit_as_admin(chromium, site, admin):
    return lambda **options: visit(chromium, site, storage_state=admin, **options)


def test_the_links_lead_to_the_pages_of_sessions(pages):
    for kind in ("", "*/change/", "*/history/", "*/revoke/"):
        assert f"/admin/jwt_sessions/session/{kind}" in pages


def test_axe_finds_nothing_on_any_page(visit_as_admin, pages):
    found = []
    with visit_as_admin() as page:
        for address in pages.values():
            page.goto(address)
            found += faults(page)
    assert found == []


def test_every_text_can_be_read_in_the_dark(visit_as_admin, pages):
    found = []
    with visit_as_admin(color_scheme="dark") as page:
        for address in pages.values():
            page.goto(address)
            found += faults(page, rules=["color-contrast"])
    assert found == []


@pytest.mark.parametrize("locale", ["en", "he"])
def test_no_page_is_wider_than_a_narrow_window(locale, visit_as_admin, pages):
    found, wide = [], {}
    with visit_as_admin(locale=locale, viewport=NARROW) as page:
        for address in pages.values():
            page.goto(address)
            assert page.locator("html").get_attribute("lang") == locale
            wide[address] = overflow(page)
            found += faults(page, rules=["scrollable-region-focusable"])
    assert ({each: by for each, by in wide.items() if by > 0}, found) == ({}, [])


def test_each_page_is_there_without_javascript(visit_as_admin, pages):
    with visit_as_admin(java_script_enabled=False) as page:
        for address in pages.values():
            assert page.goto(address).status == 200
            assert page.locator("#content h1, #content-main").count()


@with_and_without_javascript
def test_who_has_a_second_factor_logs_in_with_a_code(javascript, chromium, site, codes):
    with visit(chromium, site, java_script_enabled=javascript) as page:
        log_in(page, "bob", code=codes.pop())
        page.get_by_role("link", name="Sessions", exact=True).first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en", "he"])
def test_both_steps_of_the_login_are_without_faults(scheme, locale, chromium, site):
    with visit(chromium, site, color_scheme=scheme, locale=locale, viewport=NARROW) as page:
        page.goto("/admin/login/")
        found, width = faults(page, NO_HEADING), overflow(page)
        page.locator("#id_username").fill("bob")
        page.locator("#id_password").fill("bob-demo")
        page.keyboard.press("Enter")
        page.locator("#id_code").fill("123456")
        page.keyboard.press("Enter")
        page.locator(".errorlist").wait_for()
        assert page.locator("#id_code").evaluate("field => field === document.activeElement")
        assert (found + faults(page), width, overflow(page)) == ([], 0, 0)


def test_staff_log_in_and_revoke_a_session_by_keyboard_alone(chromium, site, pages):
    with visit(chromium, site) as page:
        page.goto("/admin/jwt_sessions/session/?q=carol")
        page.locator("#id_username:focus").wait_for()
        for text in ("admin", "Tab", "admin-demo", "Enter"):
            (page.keyboard.press if text in {"Tab", "Enter"} else page.keyboard.type)(text)
        first = page.locator("#result_list tbody th a").first
        tab_to(page, first)
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_role("link", name="Revoke session"))
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_role("button", name="Yes, revoke it"))
        page.keyboard.press("Enter")
        page.get_by_text("The session is revoked.").wait_for()


@with_and_without_javascript
def test_staff_find_a_persons_session_and_revoke_it(javascript, visit_as_admin, pages):
    with visit_as_admin(java_script_enabled=javascript) as page:
        page.goto("/admin/jwt_sessions/session/")
        page.locator("#searchbar").fill("alice")
        page.keyboard.press("Enter")
        page.locator("#result_list tr", has_text="live").locator("th a").first.click()
        page.get_by_role("link", name="Revoke session").click()
        page.get_by_role("button", name="Yes, revoke it").click()
        page.get_by_text("The session is revoked.").wait_for()
        assert page.get_by_role("link", name="Revoke session").count() == 0


@pytest.mark.parametrize(
    ("kind", "javascript"), [("script", True), ("style", True), ("style", False)]
)
def test_what_is_written_into_a_page_would_be_noticed(kind, javascript, chromium, site):
    def serve_inline(route):
        route.fulfill(body=f"<{kind}>;</{kind}>", headers={"Content-Security-Policy": POLICY})

    def look():
        with visit(chromium, site, java_script_enabled=javascript) as page:
            page.route("**", serve_inline)
            page.goto("/admin/")

    with pytest.raises(AssertionError, match=f"inline {kind} violates"):
        look()


def test_a_page_that_is_too_wide_would_be_noticed(visit_as_admin):
    box = "Object.assign(document.createElement('input'), {size: 90, className: 'too-wide'})"
    for locale in ("en", "he"):
        with visit_as_admin(locale=locale, viewport=NARROW) as page:
            page.goto("/admin/jwt_sessions/session/")
            page.evaluate(f"document.querySelector('#content').append({box})")
            page.evaluate("document.querySelector('.too-wide').style.maxWidth = 'none'")
            assert overflow(page) > 0
