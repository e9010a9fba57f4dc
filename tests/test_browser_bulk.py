"""Bulk revocations in a real browser: at three in the morning, 20,000 sessions, a leaked list."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing, contextmanager

import pytest

from tests.browsing import (
    NARROW,
    faults,
    follow,
    log_in,
    overflow,
    serve_to_browsers,
    visit,
)
from tests.serving import Browser, shell

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("browser")]

GATHER = "from tests.crowd import gather; gather()"
STRANGER = "who-is-this"
NEW = "/admin/jwt_sessions/bulkrevocation/new/"
RECORDS = "/admin/jwt_sessions/bulkrevocation/"


@pytest.fixture(autouse=True)
def clock():
    """The real one: the site and the browser, processes of their own, know no other."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("crowd")


@pytest.fixture(scope="module")
def site(chromium, folder):
    with serve_to_browsers(
        folder,
        prepare=lambda environment: shell(GATHER, environment),
        DJANGO_SETTINGS_MODULE="tests.bulk_settings",
    ) as address:
        yield address


@pytest.fixture
def ask(folder):
    """Ask the site's database, or change it, behind the site's back."""

    def ask_database(sql, *values):
        with closing(sqlite3.connect(folder / "db.sqlite3", timeout=20)) as database, database:
            return database.execute(sql, values).fetchall()

    return ask_database


@pytest.fixture
def log_in_as(chromium, site):
    """Open a window in which one of the operators is logged in."""

    @contextmanager
    def visit_as(name, **options):
        with visit(chromium, site, **options) as page:
            log_in(page, name)
            yield page

    return visit_as


def names(first, last):
    return [f"person-{number:04}" for number in range(first, last)]


def paste(page, people):
    """Ask who would be concerned, with a list of names."""
    page.goto(NEW)
    page.get_by_label("People by name").fill("\n".join(people))
    page.get_by_role("button", name="Show who is concerned").click()


def fill_in(page, *, reason):
    """Say why, and tick what must be ticked: that depends on what other tests have left live."""
    page.locator("#id_reason").select_option(reason)
    if page.locator("#id_is_sure").count():
        page.locator("#id_is_sure").check()


def confirm(page, *, note="Ticket 4711"):
    """Say why, and confirm; return the id of the record."""
    fill_in(page, reason="credentials_leaked")
    page.locator("#id_note").fill(note)
    page.get_by_role("button", name="Yes, revoke").click()
    page.wait_for_url("**/run/**")
    return page.url.split("/")[-3]


def until_done(page):
    page.get_by_role("heading", name="is done").wait_for(timeout=60_000)


def percent(page):
    return page.locator("#bulk-bar").evaluate("bar => bar.value")


class Gate:
    """Holds back the steps that a page asks for, once so many have passed."""

    def __init__(self, page, *, after):
        self.page, self.left, self.held = page, after, []
        page.route("**/step/", self._take)

    def _take(self, route):
        if self.left is None or self.left > 0:
            self.left = None if self.left is None else self.left - 1
            route.continue_()
        else:
            self.held.append(route)

    def wait(self):
        """Wait until a step is held back."""
        for _ in range(1_000):
            if self.held:
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"no step was asked for at {self.page.url}")

    def open(self):
        self.left = None
        for route in self.held:
            route.continue_()


@pytest.mark.proves("P1")
def test_the_whole_story_at_three_in_the_morning(log_in_as, site, ask):
    concerned, bystander = Browser(site, "okhttp/4.12.0"), Browser(site, "okhttp/4.12.0")
    concerned.sign_in("person-0007", "person-demo")
    bystander.sign_in("alice", "alice-demo")
    leaked = names(0, 4_000)

    with log_in_as("nora") as page:
        page.goto("/admin/")
        page.locator("#content").get_by_role("link", name="Bulk revocations").click()
        page.get_by_role("link", name="Revoke sessions in bulk").click()
        # Typed line by line, as Playwright's fill does it, thousands take minutes.
        names_field = page.get_by_label("People by name")
        names_field.evaluate(
            "(field, text) => {field.value = text}", "\n".join([*leaked, STRANGER])
        )
        page.get_by_role("button", name="Show who is concerned").click()
        page.get_by_text(f"1 name is unknown: {STRANGER}.").wait_for()
        page.get_by_label("Go on without the names that are unknown").check()
        page.get_by_role("button", name="Show who is concerned").click()
        assert page.locator(".bulk-counts").inner_text() == "16,001 sessions of 4,000 people"
        assert "more than half" in page.locator(".bulk-warnings").inner_text()
        assert concerned.send("GET", "/api/me/")[0] == 200, "looking revokes nothing"

        gate = Gate(page, after=1)
        number = confirm(page, note="The list of laptops, ticket 4711")
        gate.wait()
        assert 0 < percent(page) < 100
    [(revoked,)] = ask("SELECT done FROM jwt_sessions_bulkrevocation WHERE id = ?", number)
    assert 0 < revoked < 16_001, "nora has left in the middle"

    with log_in_as("otto") as page:
        page.goto(RECORDS)
        page.locator("#result_list tr", has_text="not finished").locator("a").first.click()
        page.get_by_role("link", name="Go on").click()
        assert 0 < percent(page) < 100
        page.get_by_role("button", name="Go on").click()
        until_done(page)
        follow(page, page.get_by_role("link", name="The record", exact=True))
        record = page.locator("#content").inner_text()
        facts = ("nora", "passwords or tokens leaked", "ticket 4711", "16,001", "3,980 more")
        assert [fact for fact in facts if fact not in record] == []
        with page.expect_download() as download:
            page.get_by_role("link", name="Download CSV").click()
        with download.value.path().open(newline="") as file:
            rows = list(csv.DictReader(file))

    assert len(rows) == len({row["session id"] for row in rows}) == 16_001
    # Not the sets themselves: to tell how they differ would take minutes.
    assert sorted({row["user name"] for row in rows}.symmetric_difference(leaked))[:5] == []
    assert concerned.send("GET", "/api/me/")[0] == 401
    assert concerned.refresh(concerned.refresh_token) == 401
    assert bystander.send("GET", "/api/me/")[0] == 200


def test_two_operators_at_once_revoke_each_session_once(log_in_as, ask):
    with log_in_as("nora") as one, log_in_as("otto") as other:
        gates, records = [], []
        for page, people in ((one, names(4_000, 4_400)), (other, names(4_200, 4_600))):
            paste(page, people)
            assert page.locator(".bulk-counts").inner_text() == "1,600 sessions of 400 people"
            gates.append(Gate(page, after=0))
            records.append(confirm(page))
        for gate in gates:
            gate.wait()
        for gate in gates:
            gate.open()
        until_done(one)
        until_done(other)
    done = ask(
        "SELECT done, (SELECT count(*) FROM jwt_sessions_session WHERE bulk_revocation_id = r.id)"
        " FROM jwt_sessions_bulkrevocation r WHERE id IN (?, ?)",
        *records,
    )
    assert all(told == counted for told, counted in done)
    assert sum(told for told, _ in done) == 2_400


def test_who_loses_the_permission_half_way_is_stopped_and_told(log_in_as, ask):
    with log_in_as("petra") as page:
        paste(page, names(4_600, 4_800))
        gate = Gate(page, after=1)
        number = confirm(page)
        gate.wait()
        ask(
            "DELETE FROM auth_user_user_permissions WHERE user_id ="
            " (SELECT id FROM auth_user WHERE username = 'petra') AND permission_id ="
            " (SELECT id FROM auth_permission WHERE codename = 'bulkrevoke_session')"
        )
        gate.open()
        page.get_by_text("You may no longer do this.").first.wait_for()
        assert page.get_by_role("button", name="Go on").count() == 0
        assert page.reload().status == 403
    [(revoked, finished_at)] = ask(
        "SELECT done, finished_at FROM jwt_sessions_bulkrevocation WHERE id = ?", number
    )
    assert 0 < revoked <= 800
    assert finished_at is None


def test_without_javascript_a_button_goes_on(log_in_as, ask):
    with log_in_as("nora", java_script_enabled=False) as page:
        paste(page, names(4_800, 5_000))
        assert page.locator(".bulk-counts").inner_text() == "800 sessions of 200 people"
        number = confirm(page)
        presses = 0
        while not page.get_by_role("heading", name="is done").count():
            follow(page, page.get_by_role("button", name="Continue"))
            presses += 1
        assert presses > 1
    [(revoked,)] = ask("SELECT done FROM jwt_sessions_bulkrevocation WHERE id = ?", number)
    assert revoked == 800


@pytest.mark.parametrize(
    "look",
    [
        {},
        {"color_scheme": "dark"},
        {"viewport": NARROW},
        {"viewport": NARROW, "locale": "he"},
    ],
    ids=["light", "dark", "narrow", "from right to left"],
)
def test_preview_and_progress_are_without_faults(look, log_in_as):
    with log_in_as("admin", **look) as page:
        found, wide = [], []

        def examine():
            found.extend(faults(page))
            wide.append(overflow(page))

        page.goto(NEW)
        page.locator("#id_names").fill("nobody-at-all")
        follow(page, page.locator("form[novalidate] [type=submit]").first)
        assert page.locator(".errorlist").count()
        examine()
        page.locator("#id_names").fill("carol, bob")
        follow(page, page.locator("form[novalidate] [type=submit]").first)
        examine()
        follow(page, page.locator("[name=start]"))
        assert page.locator(".errorlist").count()
        examine()
        fill_in(page, reason="exercise")
        Gate(page, after=0)
        page.locator("[name=later]").click()
        page.wait_for_url("**/run/**")
        examine()
        assert (found, wide) == ([], [0, 0, 0, 0])
