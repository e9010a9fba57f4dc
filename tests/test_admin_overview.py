"""The overview of the admin: who may see it, what it says, and that it breaks nowhere."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client, override_settings
from django.urls import include, path, reverse
from django.utils import timezone, translation

from jwt_sessions.admin.overview.amounts import rounded, say
from jwt_sessions.admin.overview.charts import Tone, chart
from jwt_sessions.admin.sessions import SessionAdmin
from jwt_sessions.models import BulkRevocation, RevokedReason, SecurityEvent, Session
from jwt_sessions.sessions.figures import daily, living
from jwt_sessions.sessions.figures.numbers import Number
from tests.admin_urls import Site, like_django
from tests.many_sessions import begin
from tests.people import make_user

proves = pytest.mark.proves

own_site = like_django(Site(name="back-office"))
if not own_site.is_registered(BulkRevocation):
    own_site.register(BulkRevocation)
# Of ours it has the sessions only.
bare_site = Site(name="bare")
bare_site.register(Session, SessionAdmin)
urlpatterns = [
    path("back-office/", own_site.urls),
    path("bare/", bare_site.urls),
    path("admin/", admin.site.urls),
    path("api/auth/", include("jwt_sessions.api.urls")),
]


def staff(name, *permissions, **rights):
    user = make_user(name, is_staff=True, **rights)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def watcher(db):
    """Staff who may look at sessions and nothing else."""
    return staff("watcher", "view_session")


@pytest.fixture
def root(db):
    """A superuser."""
    return staff("root", is_superuser=True)


def address():
    return reverse("admin:jwt_sessions_overview")


def text_of(client):
    response = client.get(address())
    assert response.status_code == 200
    return response.content.decode()


class Page(HTMLParser):
    """A page as its tags, the texts of its bars, and the rows of its table."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.bars, self.legend, self.path = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"} and "table" in self.path:
            self.rows[-1].append("")
        if tag not in {"link", "meta", "input", "br", "img"}:
            self.path.append(tag)

    def handle_endtag(self, tag):
        while self.path and self.path.pop() != tag:
            pass

    def handle_data(self, data):
        if {"td", "th"} & set(self.path):
            self.rows[-1][-1] += data.strip()
        if self.path[-2:] == ["g", "title"]:
            self.bars.append(data.strip())


def cells(text, label):
    return next(row for row in Page(text).rows if row and row[0] == label)


@proves("A1")
def test_a1_staff_who_may_not_view_sessions_are_refused(db, caplog):
    outsider = staff("outsider", "view_revokedsession", "view_bulkrevocation")
    assert outsider.get(address()).status_code == 403
    assert "refused GET admin:jwt_sessions_overview" in caplog.text


def test_who_is_no_staff_is_sent_to_the_login(client, alice):
    client.force_login(alice)
    assert client.get(address()).status_code == 302


def test_it_is_for_looking_only(watcher):
    assert watcher.post(address()).status_code == 405


def test_an_empty_site_has_a_page_of_noughts(watcher):
    text = text_of(watcher)
    assert text.count("None in these days.") == 3
    assert cells(text, "All days") == ["All days", "0", "0", "0"]
    assert "about" not in text


def test_the_numbers_of_this_moment_come_first(watcher, alice, bob):
    begin(alice, number=3, amr=["pwd", "mfa"])
    begin(bob)
    text = text_of(watcher)
    numbers = re.findall(r'class="number">(?:<a [^>]*>)?([^<]+)<', text)
    assert numbers == ["4", "2", "75%"]
    assert "3 sessions" in text


def test_each_day_has_its_row_the_latest_first(watcher, alice):
    now = timezone.now()
    begin(alice, number=2)
    begin(alice, at=now - timedelta(days=1), revoked_at=now, revoked_reason="signed_out")
    SecurityEvent.objects.create(at=now, kind="refresh_token_reused", user=alice)
    text = text_of(watcher)
    assert cells(text, "Nov. 23, 2026") == ["Nov. 23, 2026", "2", "1", "1", "1"]
    assert cells(text, "Nov. 22, 2026") == ["Nov. 22, 2026", "1", "0", "0", "0"]
    assert cells(text, "All days") == ["All days", "3", "1", "1", "1"]
    assert text.index("Nov. 23, 2026</th>") < text.index("Nov. 22, 2026</th>")


def test_every_number_of_the_charts_is_in_the_table(watcher, alice):
    for number, reason in enumerate(RevokedReason.values, 1):
        at = timezone.now() - timedelta(days=number)
        begin(alice, number=number, at=at, revoked_at=at, revoked_reason=reason)
    page = Page(text_of(watcher))
    rows = {row[0]: row[1:] for row in page.rows if row}
    assert len(page.bars) == 60
    for title in page.bars:
        day, _, number = title.partition(": ")
        assert number in rows[day]
    assert {str(label) for label in RevokedReason.labels} <= {
        cell for row in page.rows for cell in row
    }


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize(
    ("site", "permission", "is_shown"),
    [
        ("back-office", "view_bulkrevocation", True),
        ("back-office", "view_session", False),
        ("bare", "view_bulkrevocation", False),
    ],
)
def test_bulk_revocations_are_shown_where_they_may_be_gone_on_with(db, site, permission, is_shown):
    record = BulkRevocation.objects.create(reason="breach", total=20_000, done=1_500)
    client = staff("operator", "view_session", permission)
    text = client.get(reverse(f"{site}:jwt_sessions_overview")).content.decode()
    assert ("1,500 of 20,000 sessions revoked" in text) == is_shown
    assert (f"/{site}/jwt_sessions/bulkrevocation/{record.pk}/change/" in text) == is_shown


def test_what_cannot_be_counted_is_told_as_such(watcher, alice, monkeypatch):
    monkeypatch.setattr(daily, "CAP", 50)
    monkeypatch.setattr(living, "CAP", 50)
    at = timezone.now() - timedelta(hours=12)
    begin(alice, number=1_234, at=at, apart=timedelta(seconds=30))
    text = text_of(watcher)
    assert re.search(r"about 1,[123]00", text)
    assert "estimated from a sample" in text


def test_sign_ins_that_are_cleared_are_told_to_be_missing(watcher, set_jwt):
    assert "They are missing" not in text_of(watcher)
    set_jwt(SESSION_LIFETIME=timedelta(days=7))
    assert "They are missing" in text_of(watcher)


@proves("A3")
def test_a3_what_the_database_says_is_escaped(watcher, alice):
    begin(alice, revoked_at=timezone.now(), revoked_reason="<script>alert(1)")
    text = text_of(watcher)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_nothing_on_the_page_is_inline(root, alice):
    begin(alice, number=3, revoked_at=timezone.now(), revoked_reason="signed_out")
    page = Page(text_of(root))
    assert not any("style" in attributes for _, attributes in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not any(tag == "style" for tag, _ in page.tags)
    assert all("src" in attributes for tag, attributes in page.tags if tag == "script")


def test_charts_have_names_and_descriptions(watcher, alice):
    begin(alice)
    text = text_of(watcher)
    assert 'role="img" aria-labelledby="title-sign-ins desc-sign-ins"' in text
    assert "1 in 30 days. The most on one day: 1, on Nov. 23, 2026." in text


@pytest.mark.parametrize("language", ["ar", "de", "fr", "ja", "fa"])
def test_languages_with_other_numbers_and_directions_draw_the_same(
    watcher, alice, language, settings
):
    settings.USE_THOUSAND_SEPARATOR = True
    now = timezone.now()
    begin(alice, number=1_100, revoked_at=now, revoked_reason="signed_out", at=now)
    english = re.findall(r'<rect class="segment[^>]*>', text_of(watcher))
    settings.LANGUAGE_CODE = language
    with translation.override(language):
        text = text_of(watcher)
    assert re.findall(r'<rect class="segment[^>]*>', text) == english
    assert len(english) == 2


def test_nonsense_in_the_address_changes_nothing(watcher):
    for query in ("?p=9" * 50, "?%00=%00", "?days=" + "9" * 5_000, "?q=%ed%a0%80"):
        assert watcher.get(address() + query).status_code == 200


@proves("P12")
def test_p12_the_page_costs_the_same_for_one_and_for_forty(
    watcher, alice, django_assert_num_queries
):
    text_of(watcher)
    for count in (1, 39):
        begin(alice, number=count)
        begin(alice, number=count, revoked_at=timezone.now(), revoked_reason="signed_out")
        with django_assert_num_queries(12):
            watcher.get(address())


def test_the_index_of_the_app_leads_to_it(watcher):
    index = reverse("admin:app_list", args=["jwt_sessions"])
    assert f'href="{address()}"' in watcher.get(index).content.decode()
    other = staff("archivist", "view_revokedsession")
    assert address() not in other.get(index).content.decode()


@override_settings(ROOT_URLCONF=__name__)
def test_a_site_of_ones_own_stays_on_its_own_pages(root):
    own = reverse("back-office:jwt_sessions_overview")
    response = root.get(own)
    assert response.status_code == 200
    links = re.findall(r'href="([^"#]*)"', response.content.decode())
    assert not [link for link in links if link.startswith("/admin/")]
    index = reverse("back-office:app_list", args=["jwt_sessions"])
    assert f'href="{own}"' in root.get(index).content.decode()


def days_of(*values):
    first = timezone.now().date()
    return [
        (first + timedelta(days=place), {"a": Number(value)}) for place, value in enumerate(values)
    ]


def test_a_day_that_outdoes_all_others_is_cut_off_and_said():
    made = chart("x", "X", days_of(10, 12, 100_000), [Tone("a", "A", "a")])
    assert made.cut == ["Nov. 25, 2026: 100,000"]
    assert [bar.is_cut for bar in made.bars] == [False, False, True]
    assert float(made.bars[1].segments[0].height) > 100


def test_bars_are_as_high_as_their_numbers():
    made = chart("x", "X", days_of(50, 100, 0), [Tone("a", "A", "a")])
    heights = [[segment.height for segment in bar.segments] for bar in made.bars]
    assert heights == [["70.00"], ["140.00"], []]
    assert made.cut == []


def test_estimates_are_said_without_digits_that_nobody_knows():
    assert [rounded(value) for value in (0, 7, 99, 101, 1_449, 269_809)] == [
        0,
        7,
        99,
        100,
        1_400,
        270_000,
    ]
    assert say(Number(1_449, is_estimate=True)) == "about 1,400"
    assert say(Number(1_449, is_minimum=True)) == "at least 1,449"
    assert say(Number.sum([Number(1), Number(1_448)])) == "1,449"


def test_a_sum_is_as_inexact_as_its_parts():
    some = Number(100, is_minimum=True)
    assert Number.sum([Number(1), some]) == Number(101, is_minimum=True)
    assert Number.sum([Number(9, is_estimate=True), some]) == Number(109, is_estimate=True)
    assert Number.sum([]) == Number(0)
