"""What the pages for end users look like: light and dark, wide and narrow, in both directions."""

from __future__ import annotations

import pytest

from tests.account import serve_account
from tests.account_walk import walk
from tests.browsing import NARROW, faults, overflow, visit
from tests.serving import ROOT

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]

PICTURES = ROOT / "screenshots"


@pytest.fixture(autouse=True)
def clock():
    """The real one: the site and the browser, processes of their own, know no other."""


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory):
    with serve_account(tmp_path_factory.mktemp("demo")) as site:
        yield site


@pytest.fixture
def walk_as(chromium, site):
    """Walk through all pages as somebody who is signed in elsewhere, too."""
    PICTURES.mkdir(exist_ok=True)

    def start(name, look, **options):
        for agent in ("Mozilla/5.0 (Android 16; Mobile; rv:146.0) Firefox/146.0", "shop/1.2"):
            site.sign_in_elsewhere(name, agent)
        with visit(chromium, site.address, **options) as page:
            for seen in walk(page, site, name):
                page.screenshot(path=PICTURES / f"{seen}.{look}.png", full_page=True)
                yield page, seen

    return start


def test_axe_finds_nothing_and_what_has_the_focus_can_be_seen(walk_as):
    found, unseen = [], []
    for page, seen in walk_as("walt", "light"):
        found += faults(page)
        unseen += [f"{seen}: {what}" for what in without_outline(page)]
    assert (found, unseen) == ([], [])


def test_every_text_can_be_read_in_the_dark_and_fits_a_narrow_window(walk_as):
    found, wide = [], {}
    for page, seen in walk_as("wanda", "dark", color_scheme="dark", viewport=NARROW):
        found += faults(page, rules=["color-contrast", "scrollable-region-focusable"])
        wide[seen] = overflow(page)
    assert (found, {seen: by for seen, by in wide.items() if by > 0}) == ([], {})


def test_pages_are_mirrored_for_who_writes_from_right_to_left(walk_as):
    found, wide, untranslated = [], {}, []
    for page, seen in walk_as("wendy", "ar", locale="ar", viewport=NARROW):
        assert page.locator("html").get_attribute("dir") == "rtl"
        found += faults(page)
        wide[seen] = overflow(page)
        untranslated += [seen] * page.get_by_role("heading", level=1).inner_text().isascii()
    assert (found, {seen: by for seen, by in wide.items() if by > 0}) == ([], {})
    assert untranslated == []


def test_every_page_is_there_without_javascript(walk_as):
    seen = []
    for page, what in walk_as("wilma", "no-script", java_script_enabled=False):
        assert page.locator("h1").count() == 1
        assert page.locator("[data-copy], [data-print]").locator("visible=true").count() == 0
        seen.append(what)
    assert len(seen) == len(set(seen)) > 25


def test_recovery_codes_are_printed_without_what_is_around_them(chromium, site):
    site.sign_in_elsewhere("erin", "shop/1.2")
    with visit(chromium, site.address) as page:
        for seen in walk(page, site, "erin"):
            if seen == "new-codes":
                break
        page.emulate_media(media="print")
        assert page.locator("#codes").is_visible()
        assert not page.locator("nav").is_visible()
        assert not page.get_by_role("button", name="Print").is_visible()
        page.screenshot(path=PICTURES / "new-codes.print.png", full_page=True)


def without_outline(page):
    """Go through a page by the Tab key; return what has the focus and does not show it."""
    page.evaluate("document.activeElement.blur()")
    unseen, passed = [], set()
    for _ in range(80):
        page.keyboard.press("Tab")
        what, has_outline = page.evaluate(
            """() => {
              const one = document.activeElement, style = getComputedStyle(one);
              const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
              return [one.outerHTML.slice(0, 120), shown || one === document.body];
            }"""
        )
        if what in passed:
            break
        passed.add(what)
        if not has_outline:
            unseen.append(what)
    return unseen


def test_a_page_that_hides_the_focus_would_be_noticed(chromium, site):
    with visit(chromium, site.address) as page:
        page.goto("/account/sign-in/")
        page.evaluate(
            "document.querySelectorAll('.jwt-account *').forEach(e => e.style.outline = 'none')"
        )
        assert without_outline(page) != []
