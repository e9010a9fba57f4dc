"""What people do at their pages, in a real browser."""

from __future__ import annotations

import re
import subprocess
import time

import pytest

from tests.account import (
    click,
    device_row,
    give_code,
    heading,
    press,
    serve_account,
    sign_in,
)
from tests.authenticators import Authenticator
from tests.browsing import follow, log_in, tab_to, visit
from tests.servers import need
from tests.serving import Browser

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]

HOSTILE = "<img src=x onerror=\"document.title='mine'\">\u202eenohp"

with_and_without_javascript = pytest.mark.parametrize(
    ("javascript", "name"), [(True, "heidi"), (False, "ivan")], ids=["with JavaScript", "without"]
)


@pytest.fixture(autouse=True)
def clock():
    """The real one: the site and the browser, processes of their own, know no other."""


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory):
    with serve_account(tmp_path_factory.mktemp("demo")) as site:
        yield site


@pytest.fixture
def visit_site(chromium, site):
    """Open a browser that nobody has used."""
    return lambda **options: visit(chromium, site.address, **options)


def read_qr_code(picture, folder):
    """Read a QR code as a camera does, from a picture of the screen."""
    path = folder / "screen.png"
    path.write_bytes(picture)
    command = [need("zbarimg"), "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def new_code(app, used):
    """Wait for a code that was not used yet."""
    while (code := app.code()) in used:
        time.sleep(0.5)
    return code


@with_and_without_javascript
@pytest.mark.proves("M9", "P9", "P10")
def test_somebody_turns_on_two_factors_and_signs_in_by_them(javascript, name, visit_site, tmp_path):
    with visit_site(java_script_enabled=javascript) as page:
        sign_in(page, name)
        click(page, "Turn it on")
        click(page, "An authenticator app")
        page.get_by_label("What to call it").fill("My phone")
        press(page, "Show my QR code")
        app = Authenticator(read_qr_code(page.locator(".qr").screenshot(), tmp_path))
        first = app.code()
        give_code(page, first, button="Turn it on")
        codes = page.locator("#codes li").all_inner_texts()
        assert len(codes) == 10
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as a file").click()
        assert codes[0] in download.value.path().read_text()
        page.get_by_label("I have saved my recovery codes").check()
        press(page, "Go on")
        click(page, "Sign out")
        press(page, "Sign out")
        sign_in(page, name)
        give_code(page, new_code(app, {first}))
        assert heading(page) == "Security overview"
        click(page, "Sign out")
        press(page, "Sign out")
        sign_in(page, name, code=codes[0])
        page.get_by_text("9 are left").wait_for()


def test_another_device_is_signed_out_and_its_next_call_is_refused(visit_site, site):
    phone = Browser(site.address, "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)")
    phone.sign_in("judy", "judy-demo")
    assert phone.send("GET", "/api/me/")[0] == 200
    with visit_site() as page:
        sign_in(page, "judy")
        click(page, "Devices")
        assert page.locator(".device .badge").all_inner_texts() == ["This device"]
        row = page.locator(".device:not(.this)").first
        follow(page, row.get_by_role("link", name="Sign out"))
        press(page, "Sign out this device")
        page.get_by_text("That device is signed out.").wait_for()
    assert phone.send("GET", "/api/me/")[0] == 401


@pytest.mark.proves("P1")
def test_staff_revoke_a_browsers_session_and_the_next_click_leads_to_sign_in(visit_site):
    with visit_site() as page, visit_site() as desk:
        sign_in(page, "carol")
        log_in(desk, "admin")
        desk.goto("/admin/jwt_sessions/session/?q=carol")
        follow(desk, desk.locator("#result_list tbody th a").first)
        follow(desk, desk.get_by_role("link", name="Revoke session"))
        follow(desk, desk.get_by_role("button", name="Yes, revoke it"))
        click(page, "Devices")
        assert heading(page) == "Sign in"


def test_the_link_of_a_mail_ends_the_session_that_it_is_about(visit_site, site):
    site.run(
        "from django.contrib.auth.models import User\n"
        "User.objects.create_user('kim', 'kim@example.com', 'kim-demo')"
    )
    Browser(site.address, "curl/8").sign_in("kim", "kim-demo")
    thief = Browser(site.address, "python-requests/2")
    thief.sign_in("kim", "kim-demo")
    link = site.links_to("kim")[-1]
    with visit_site() as page:
        page.goto(link)
        assert thief.send("GET", "/api/me/")[0] == 200  # to look at it ends nothing
        press(page, "Sign out this device")
        assert thief.send("GET", "/api/me/")[0] == 401
        page.goto(link)
        assert heading(page) == "There is nothing left to sign out"
        page.goto("/account/")
        assert heading(page) == "Sign in"


def test_the_back_button_shows_nothing_after_signing_out(visit_site):
    with visit_site() as page:
        sign_in(page, "alice")
        click(page, "Devices")
        click(page, "Sign out")
        press(page, "Sign out")
        for _ in range(3):
            page.go_back()
            assert page.locator(".device").count() == 0
        page.goto("/account/devices/")
        assert heading(page) == "Sign in"


@pytest.mark.proves("V5")
def test_the_cookie_of_before_is_worth_nothing_after_signing_in(visit_site, site):
    def cookie(page):
        found = [one for one in page.context.cookies() if one["name"] == "sessionid"]
        return found[0]["value"] if found else None

    with visit_site() as page:
        page.goto("/account/sign-in/")
        page.context.add_cookies([{"name": "sessionid", "value": "planted", "url": site.address}])
        sign_in(page, "alice")
        assert cookie(page) not in {None, "planted"}


@pytest.mark.proves("A3")
def test_a_hostile_name_is_shown_and_does_nothing(visit_site, site):
    phone = Browser(site.address, f"{HOSTILE[:50]}/1".encode("ascii", "ignore").decode())
    body = {"username": "alice", "password": "alice-demo", "device_name": HOSTILE}
    assert phone.send("POST", "/api/auth/token/", body)[0] == 200
    with visit_site() as page:
        sign_in(page, "alice")
        click(page, "Devices")
        row = device_row(page, re.compile("<img src=x")).first
        assert row.locator("img").count() == 0
        assert page.title().startswith("Your devices")


def test_somebody_signs_in_with_a_code_by_keyboard_alone(visit_site, site):
    with visit_site() as page:
        page.goto("/account/devices/")
        page.get_by_label("Username").and_(page.locator(":focus")).wait_for()
        for text in ("erin", "Tab", "erin-demo", "Enter"):
            (page.keyboard.press if text in {"Tab", "Enter"} else page.keyboard.type)(text)
        page.locator("#id_code:focus").wait_for()
        tab_to(page, page.get_by_role("button", name="Use a recovery code instead"))
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.locator("#id_code:focus").wait_for()
        page.keyboard.type(site.codes["erin"].pop())
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert heading(page) == "Your devices"


def test_who_must_have_a_second_factor_is_led_to_it(visit_site):
    with visit_site() as page:
        sign_in(page, "dave")
        assert heading(page) == "Two-factor sign-in"
        page.goto("/account/devices/")
        assert heading(page) == "Two-factor sign-in"


def test_a_recent_login_is_asked_before_the_account_is_weakened(visit_site, site):
    with visit_site() as page:
        sign_in(page, "frank", code=site.codes["frank"].pop())
        site.run(
            "from django.contrib.sessions.models import Session as Store\n"
            "from importlib import import_module\n"
            "from django.conf import settings\n"
            "stores = import_module(settings.SESSION_ENGINE).SessionStore\n"
            "for kept in Store.objects.all():\n"
            "    store = stores(kept.session_key)\n"
            "    if 'jwt_sessions' in store:\n"
            "        store['jwt_sessions']['auth_time'] -= 3600\n"
            "        store.save()\n"
        )
        click(page, "Two-factor sign-in")
        follow(page, page.locator(".device").get_by_role("link", name="Remove"))
        assert heading(page) == "Confirm that it is you"
        press(page, "Use a recovery code instead")
        give_code(page, site.codes["frank"].pop(), button="Go on")
        assert heading(page) == "Remove a second factor"
        press(page, "Turn two-factor sign-in off")
        page.get_by_text("It is removed.").wait_for()
