"""A real browser, and what every page must be in it: accessible, narrow, within the policy.

The site is a process of its own: where Playwright runs, Django will not touch a database.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.servers import do_without, need
from tests.serving import newcomer, seed, serve

# What the demo is served with.
SITE = {"DJANGO_SETTINGS_MODULE": "tests.browser_settings", "THROTTLES": "off"}

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 640}

# axe would load each stylesheet once more, into a page whose policy forbids how it does that.
AXE = {"resultTypes": ["violations"], "preload": False}

# What Django's own markup does wrong, by axe's rule and where.
EXCEPTED = [
    # The links of the breadcrumbs of Django 5.2 are marked by their colour only.
    ("link-in-text-block", r"^\.breadcrumbs "),
    # So is the link beside the count of what was found.
    ("link-in-text-block", r'^a\[href="\?"\]$'),
    # Its field for picking several people makes another one to type into.
    ("label", r"^\.select2-search__field$"),
    # The label of its search box is a picture, which does not count beside a help text.
    ("label-title-only", "^#searchbar$"),
]


@contextmanager
def serve_to_browsers(folder, *, prepare=lambda environment: None, **variables):
    """Serve the demo, with a database in `folder`; yield its address."""
    environment = newcomer(folder, **{**SITE, **variables})
    seed(environment)
    prepare(environment)
    # It serves static files all the same.
    with serve(environment, "--insecure") as address:
        yield address


@contextmanager
def start_chromium():
    """Start the system's Chromium; yield it as a browser of Playwright's."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        do_without("playwright is not installed")
    found = filter(None, map(shutil.which, CHROMIUMS))
    program = next(found, None) or need(CHROMIUMS[0])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser


@contextmanager
def visit(browser, site, **options):
    """Open a window of somebody's own; yield its page, and see that nothing was violated there.

    `options` are those of Playwright's contexts: color_scheme="dark", locale="he",
    viewport=NARROW, java_script_enabled=False.
    """
    options = {"viewport": WIDE, "reduced_motion": "reduce", **options}
    troubles = []
    with browser.new_context(base_url=site, **options) as context:
        context.set_default_timeout(15_000)
        context.on("console", lambda said: _note(troubles, said))
        context.on("weberror", lambda error: troubles.append(f"{error.page.url}: {error.error}"))
        yield context.new_page()
    assert not troubles, "\n".join(troubles)


def _note(troubles, said):
    # An answer of 403 is said at the console, too, and often what a test is about.
    if said.type == "error" and "the server responded with a status" not in said.text:
        troubles.append(f"{said.location.get('url')}: {said.text}")


def log_in(page, name, *, code=None):
    """Log in to the admin as one of the demo's people, with a code where one is asked for."""
    page.goto("/admin/login/")
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(f"{name}-demo")
    page.locator("#login-form [type=submit]").first.click()
    if code is not None:
        page.locator("#id_code").fill(code)
        page.locator("#login-form .submit-row [type=submit]").click()
    page.locator("#user-tools").wait_for()


def faults(page, *excepted, rules=None):
    """Let axe read the page as it is shown; return what it finds, but for what Django does.

    `excepted` are further pairs of a rule and where; with `rules`, no others are asked.
    """
    from axe_playwright_python.sync_playwright import Axe

    options = {**AXE, "runOnly": rules} if rules else AXE
    violations = Axe().run(page, options=options).response["violations"]
    return [
        f"{urlsplit(page.url).path}: {violation['id']} at {target}: {violation['help']}"
        for violation in violations
        for node in violation["nodes"]
        for target in [" ".join(node["target"])]
        if not any(
            rule == violation["id"] and re.search(where, target)
            for rule, where in [*EXCEPTED, *excepted]
        )
    ]


def overflow(page):
    """Return by how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def follow(page, target):
    """Click, and wait for the page that this leads to: what is asked next is asked of that one."""
    with page.expect_navigation():
        target.click()


def tab_to(page, target):
    """Press Tab until `target` has the focus, as who has no mouse does."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {target}")


def kind_of(path):
    """Return an address without its ids."""
    return re.sub(r"/([0-9a-f-]{32,36}|\d+)(?=/)", "/*", path)


def find_pages(page, *, start="/admin/", under="/admin/jwt_sessions/"):
    """Follow the links from a page; return an address for each kind of page `under` another.

    Two pages are of one kind if their addresses differ in an id only.
    """
    from playwright.sync_api import Error

    kinds, waiting = {}, [start]
    while waiting:
        address = waiting.pop(0)
        try:
            page.goto(address)
        except Error as error:
            if "Download is starting" not in error.message:
                raise
            del kinds[kind_of(address)]
            continue
        hrefs = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
        for path in (urlsplit(href).path for href in hrefs):
            if path.startswith(under) and kind_of(path) not in kinds:
                kinds[kind_of(path)] = path
                waiting.append(path)
    return kinds
