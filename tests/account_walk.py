"""A walk through all that the pages for end users can look like."""

from __future__ import annotations

import re

from tests.browsing import find_pages, follow

WRONG_CODE = "000000"


def walk(page, site, name):
    """Be somebody with a second factor; yield what it is called that is to be seen, each time.

    By addresses and names of fields only, for it is in whichever language. In the end `name` has
    other recovery codes.
    """

    yield from step_in(page, site, name)
    yield from go_about(page)
    yield from change(page)
    page.goto("/account/sign-out/")
    press(page)
    yield "signed-out"
    page.goto("/account/not-me/nothing/")
    yield "mail-link-over"
    page.goto(site.links_to(name)[0])
    yield "mail-link"


def step_in(page, site, name):
    """Sign in, after some mistakes."""
    page.goto("/account/sign-in/")
    yield "sign-in"
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill("wrong")
    press(page)
    yield "sign-in-wrong"
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(f"{name}-demo")
    press(page)
    yield "code"
    page.locator("#id_code").fill(WRONG_CODE)
    press(page)
    yield "code-wrong"
    follow(page, page.locator("[name=use_recovery_code]"))
    yield "recovery-code"
    page.locator("#id_code").fill(site.codes[name].pop())
    press(page)
    yield "overview"


def go_about(page):
    """Open every page that a link leads to."""
    for kind, path in find_pages(page, start="/account/", under="/account/").items():
        page.goto(path)
        yield re.sub(r"\W+", "-", kind.removeprefix("/account/")).strip("-") or "overview-again"
    page.goto(f"{path_of_device(page)}?unknown=yes")
    yield "not-me"
    page.goto("/account/confirm/")
    yield "confirm"


def change(page):
    """Go some steps on each way to change something."""
    page.goto("/account/password/")
    for field in ("old_password", "new_password1", "new_password2"):
        page.locator(f"#id_{field}").fill("wrong")
    press(page)
    yield "password-wrong"
    page.goto("/account/second-factor/app/")
    press(page)
    page.locator("details").first.locator("summary").click()
    yield "app-begun"
    page.locator("#id_code").fill(WRONG_CODE)
    press(page)
    yield "app-wrong"
    page.goto("/account/second-factor/codes-by/email/")
    press(page)
    yield "email-begun"
    page.goto("/account/second-factor/?changed=yes")
    yield "second-factor-changed"
    page.goto("/account/recovery-codes/")
    press(page)
    yield "new-codes"


def press(page):
    """Press the button that matters most."""
    follow(page, page.locator("main button.main").first)


def path_of_device(page):
    """Return where the newest other device can be signed out."""
    page.goto("/account/devices/")
    return page.locator(".device:not(.this) .button").first.get_attribute("href")
