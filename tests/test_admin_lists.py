"""The lists of sessions and events: paging by key, searching, filtering."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from jwt_sessions import sessions
from jwt_sessions.admin.lists import finding, keyset
from jwt_sessions.clients import address_key, device_key
from jwt_sessions.models import (
    BulkRevocation,
    RevokedReason,
    SecurityEvent,
    SecurityEventKind,
    Session,
)
from tests.old_sessions import statements
from tests.operators import staff
from tests.people import make_user
from tests.test_admin import page

proves = pytest.mark.proves
SESSIONS, REVOKED, EVENTS = "session", "revokedsession", "securityevent"


@pytest.fixture
def watcher(db):
    """Staff who may look at everything."""
    views = ("view_session", "view_revokedsession", "view_securityevent")
    return staff("watcher", *views)


@pytest.fixture
def small(monkeypatch):
    """Let pages have five rows, and look at twenty."""
    monkeypatch.setattr(keyset, "WINDOW", 20)
    monkeypatch.setattr(keyset, "COUNTED", 20)
    monkeypatch.setattr(finding, "MOST", 20)
    monkeypatch.setattr(keyset.KeysetAdmin, "list_per_page", 5)


def make(user, number, clock=None, **fields):
    """Make sessions, a minute after each other; return them, the oldest first."""
    made = []
    for _ in range(number):
        made.append(sessions.start(user).session)
        if clock is not None:
            clock.shift(60)
    if fields:
        Session.objects.filter(pk__in=[one.pk for one in made]).update(**fields)
    return made


class Listing:
    """A page of a list, and the way to the next ones."""

    def __init__(self, client, model=SESSIONS, query="", **params):
        self.client, self.model = client, model
        address = page(f"{model}_changelist")
        self.response = client.get(f"{address}{query}", params or None)
        assert self.response.status_code == 200
        self.text = self.response.content.decode()
        self.changes = self.response.context_data["cl"]

    @property
    def ids(self):
        return [row.pk for row in self.changes.result_list]

    def follow(self, name):
        link = re.search(rf'<a href="([^"]*)"[^>]*>{name}</a>', self.text)
        return Listing(self.client, self.model, unescape(link[1]))

    def has(self, name):
        return f">{name}</a>" in self.text


def newest(made):
    return [one.pk for one in reversed(made)]


class TestPages:
    def test_the_newest_come_first_and_the_older_ones_follow(self, watcher, alice, clock, small):
        made = newest(make(alice, 12, clock))
        first = Listing(watcher)
        second = first.follow("Older")
        third = second.follow("Older")
        assert [first.ids, second.ids, third.ids] == [made[:5], made[5:10], made[10:]]
        assert not third.has("Older")

    def test_there_is_a_way_back(self, watcher, alice, clock, small):
        made = newest(make(alice, 12, clock))
        last = Listing(watcher).follow("Older").follow("Older")
        assert last.follow("Newer").ids == made[5:10]
        assert last.follow("Newer").follow("Newer").ids == made[:5]
        assert last.follow("Newest").ids == made[:5]
        assert not Listing(watcher).has("Newest")

    def test_it_counts_up_to_a_limit(self, watcher, alice, small):
        make(alice, 20)
        assert "20 sessions" in Listing(watcher).text
        make(alice, 1)
        assert "more than 20 sessions" in Listing(watcher).text

    def test_nothing_can_be_selected_that_is_not_shown(self, watcher, alice, small):
        make(alice, 12)
        text = Listing(watcher).text
        assert "Select all 12" not in text
        assert "select-across" not in text

    @pytest.mark.parametrize("place", ["nonsense", "", "\0", "9" * 5000, "é", "'"])
    def test_a_place_that_is_none_is_the_beginning(self, watcher, alice, place):
        (one,) = make(alice, 1)
        for model in (SESSIONS, REVOKED, EVENTS):
            assert not Listing(watcher, model, before=place).has("Newest")
        assert Listing(watcher, after=place).ids == [one.pk]

    def test_columns_cannot_be_sorted_by(self, watcher, alice, clock):
        made = newest(make(alice, 3, clock))
        assert Listing(watcher, o="-1").ids == made

    def test_revoked_ones_go_by_when_they_were_revoked(self, watcher, alice, clock, small):
        made = make(alice, 12, clock)
        order = []
        for index in (3, 7, 1, 11):
            sessions.revoke(made[index].pk, reason=RevokedReason.SIGNED_OUT)
            order.append(made[index].pk)
            clock.shift(1)
        Session.objects.exclude(pk__in=order).revoke(reason=RevokedReason.SIGNED_OUT)
        first = Listing(watcher, REVOKED)
        second = first.follow("Older")
        third = second.follow("Older")
        assert third.ids == [made[7].pk, made[3].pk]
        assert [*first.ids, *second.ids][-2:] == [made[11].pk, made[1].pk]
        assert len({*first.ids, *second.ids, *third.ids}) == 12
        assert third.follow("Newer").ids == second.ids
        assert second.follow("Newer").ids == first.ids

    def test_events_go_by_their_number(self, watcher, alice, small):
        kind = SecurityEventKind.FACTOR_ADDED
        made = [SecurityEvent.objects.create(kind=kind, user=alice).pk for _ in range(7)]
        first = Listing(watcher, EVENTS)
        assert first.ids == made[:1:-1]
        assert first.follow("Older").ids == made[1::-1]
        assert first.follow("Older").follow("Newer").ids == first.ids


class TestWindows:
    """A filter looks at some rows, says up to where, and leads on."""

    def test_a_rare_one_is_found_by_looking_further(self, watcher, alice, clock, small):
        (rare,) = make(alice, 1, clock, kind="browser")
        make(alice, 45, clock)
        first = Listing(watcher, kind="browser")
        assert first.ids == []
        assert "Looked back to" in first.text
        second = first.follow("Look further back")
        third = second.follow("Look further back")
        assert (second.ids, third.ids) == ([], [rare.pk])
        assert "Looked back to" not in third.text

    def test_it_looks_back_in_windows_too(self, watcher, alice, clock, small):
        make(alice, 45, clock)
        (rare,) = make(alice, 1, clock, kind="browser")
        (oldest,) = Listing(watcher, second_factor="no", before="").ids[-1:]
        oldest = Session.objects.order_by("pk").first().pk
        back = Listing(watcher, kind="browser", after=str(oldest))
        assert back.ids == []
        assert back.follow("Look further").follow("Look further").ids == [rare.pk]

    def test_no_statement_reads_more_than_a_window(self, watcher, alice, clock, small):
        make(alice, 60, clock)
        with statements() as sent:
            Listing(watcher, kind="browser")
        asked = [sql for sql, _ in sent if 'FROM "jwt_sessions_session"' in sql.replace("`", '"')]
        assert asked
        # A number of rows, or those that have been looked at.
        assert all(re.search(r'LIMIT|."id" (IN|= ANY)', sql.replace("`", '"')) for sql in asked)


class TestFilters:
    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"state": "live"}, {"live", "factor", "browser"}),
            ({"state": "expired"}, {"expired", "unused"}),
            ({"state": "revoked"}, {"revoked"}),
            ({"second_factor": "yes"}, {"factor"}),
            ({"second_factor": "no", "state": "live"}, {"live", "browser"}),
            ({"why": "signed_out"}, {"revoked"}),
            ({"why": "token_reused"}, set()),
            ({"kind": "browser"}, {"browser"}),
            ({"state": "nonsense"}, {"live", "factor", "browser", "expired", "unused", "revoked"}),
        ],
    )
    def test_each_shows_those(self, watcher, alice, params, found):
        now = timezone.now()
        names = ("live", "factor", "browser", "expired", "unused", "revoked")
        made = {name: sessions.start(alice).session for name in names}
        rows = {name: Session.objects.filter(pk=one.pk) for name, one in made.items()}
        rows["factor"].update(amr=["pwd", "otp", "mfa"])
        rows["browser"].update(kind="browser")
        rows["expired"].update(expires_at=now - timedelta(days=1))
        type(made["unused"].refresh_token).objects.filter(pk=made["unused"].pk).update(
            idle_expires_at=now - timedelta(days=1)
        )
        rows["revoked"].revoke(reason=RevokedReason.SIGNED_OUT)
        ids = Listing(watcher, **params).ids
        assert {name for name, one in made.items() if one.pk in ids} == found

    def test_days_are_a_part_of_the_list(self, watcher, alice, clock, small):
        old = newest(make(alice, 3, clock))
        day = timezone.localdate().isoformat()
        clock.shift(timedelta(days=3))
        new = newest(make(alice, 30, clock))
        assert Listing(watcher, to=day).ids == old
        assert Listing(watcher, **{"from": timezone.localdate().isoformat()}).ids == new[:5]
        assert Listing(watcher, to=day, kind="browser").ids == []
        assert "Looked back to" not in Listing(watcher, to=day, kind="browser").text

    @pytest.mark.parametrize("day", ["2026-13-45", "0001-01-01", "x", "9999-12-31", "\0"])
    def test_a_day_that_is_none_is_no_filter(self, watcher, alice, day):
        (one,) = make(alice, 1)
        assert Listing(watcher, **{"from": day, "to": day}).ids == [one.pk]

    def test_revoked_ones_are_filtered_by_reason_day_and_bulk_revocation(
        self, watcher, alice, clock
    ):
        made = make(alice, 3, clock)
        record = BulkRevocation.objects.create(reason="exercise")
        sessions.revoke(made[0].pk, reason=RevokedReason.SIGNED_OUT)
        Session.objects.filter(pk=made[1].pk).revoke(
            reason=RevokedReason.REVOKED_BY_STAFF, bulk_revocation=record
        )
        assert Listing(watcher, REVOKED, why="signed_out").ids == [made[0].pk]
        assert Listing(watcher, REVOKED, bulk_revocation=record.pk).ids == [made[1].pk]
        assert Listing(watcher, REVOKED, bulk_revocation="x").ids == []
        assert Listing(watcher, REVOKED, to="2020-01-01").ids == []

    def test_events_are_filtered_by_kind_and_person(self, watcher, alice, bob):
        added, reset = SecurityEventKind.FACTOR_ADDED, SecurityEventKind.FACTORS_RESET
        hers = SecurityEvent.objects.create(kind=added, user=alice)
        his = SecurityEvent.objects.create(kind=reset, user=bob)
        assert Listing(watcher, EVENTS, kind=reset).ids == [his.pk]
        assert Listing(watcher, EVENTS, user=alice.pk).ids == [hers.pk]
        assert Listing(watcher, EVENTS, q=bob.get_username()).ids == [his.pk]
        assert Listing(watcher, EVENTS, q="nobody").ids == []

    @pytest.mark.parametrize("name", ["user__password__startswith", "auth_hash", "data__x"])
    def test_no_other_column_can_be_asked(self, watcher, phone, name):
        answer = watcher.get(page("session_changelist"), {name: "x"})
        assert answer.status_code in {302, 400}


class TestSearch:
    @pytest.fixture
    def hers(self, alice):
        """Alice's session, on her phone in Berlin."""
        (one,) = make(
            alice,
            1,
            device_name="Alice's Phone",
            device_key=device_key("Alice's Phone"),
            address="203.0.113.77",
            address_key=address_key("203.0.113.77"),
        )
        return one

    @pytest.fixture
    def his(self, bob):
        """Bob's session, elsewhere."""
        (one,) = make(
            bob,
            1,
            device_key=device_key("", "Firefox", "Windows"),
            address="2001:db8:1::5",
            address_key=address_key("2001:db8:1::5"),
        )
        return one

    @pytest.mark.parametrize(
        "text",
        [
            "203.0.113.77",
            "203.0.113.0/24",
            "203.0.",
            "203.",
            "ALICE'S",
            "alice's phone",
            " alice's",
        ],
    )
    def test_hers_is_found(self, watcher, hers, his, text):
        assert Listing(watcher, q=text).ids == [hers.pk]

    @pytest.mark.parametrize(
        "text", ["2001:db8:1::5", "2001:db8::/32", "2001:db8:", "firefox on w"]
    )
    def test_his_is_found(self, watcher, hers, his, text):
        assert Listing(watcher, q=text).ids == [his.pk]

    def test_people_are_found_by_their_whole_name(self, watcher, hers, his, alice, bob):
        assert Listing(watcher, q=alice.get_username()).ids == [hers.pk]
        assert Listing(watcher, q=bob.get_username()[:-1]).ids == []
        assert Listing(watcher, user=bob.pk).ids == [his.pk]

    def test_a_session_is_found_by_its_id(self, watcher, hers, his):
        assert Listing(watcher, q=str(hers.pk)).ids == [hers.pk]
        assert Listing(watcher, q=hers.pk.hex.upper()).ids == [hers.pk]

    @pytest.mark.parametrize(
        "text",
        ["nobody", "'; --", "%", "_", "9" * 5000, "10.0.0.1", "999.", "::/0/0", "é" * 300, "\\"],
    )
    def test_what_is_not_there_is_not_found(self, watcher, hers, his, text):
        assert Listing(watcher, q=text).ids == []

    @pytest.mark.parametrize("key", ["x", "\0", "9" * 5000, "-1", ""])
    def test_a_person_who_is_none_has_no_sessions(self, watcher, hers, key):
        assert Listing(watcher, user=key).ids in ([], [hers.pk] if not key else [])

    def test_a_search_and_a_filter_hold_both(self, watcher, hers, his, alice):
        Session.objects.filter(pk=hers.pk).revoke(reason=RevokedReason.SIGNED_OUT)
        (live,) = make(alice, 1)
        assert Listing(watcher, q=alice.get_username(), state="live").ids == [live.pk]
        assert Listing(watcher, q="203.", user=alice.pk).ids == [hers.pk]
        assert Listing(watcher, q="203.", user=his.user_id).ids == []

    def test_what_is_found_too_often_is_looked_for_in_windows(self, watcher, alice, clock, small):
        make(alice, 30, clock, address_key=address_key("198.51.100.1"))
        make(alice, 30, clock, address_key=address_key("192.0.2.1"))
        first = Listing(watcher, q="198.51.100.")
        assert first.ids == []
        found = first.follow("Look further back")
        assert len(found.ids) == 5

    def test_a_project_may_choose_by_what_people_are_found(self, watcher, hers, monkeypatch):
        from jwt_sessions.admin import SessionAdmin

        name = get_user_model().USERNAME_FIELD
        monkeypatch.setattr(SessionAdmin, "user_search_fields", [f"{name}__startswith"])
        assert Listing(watcher, q="alic").ids == [hers.pk]


class TestRecord:
    def test_it_tells_what_happened_in_order(self, watcher, phone, alice, clock):
        clock.shift(60)
        phone.refresh()
        SecurityEvent.objects.create(
            kind=SecurityEventKind.FACTOR_ADDED, user=alice, session_id=phone.sid, at=timezone.now()
        )
        clock.shift(60)
        phone.post("logout/")
        text = watcher.get(page("session_change", phone.sid)).content.decode()
        text = text.partition('class="timeline"')[2]
        told = [
            "Signed in",
            "Refreshed 1 time",
            "second factor added",
            "Revoked",
            "signed out",
        ]
        places = [text.lower().index(f"{part.lower()}") for part in told]
        assert places == sorted(places)

    def test_a_step_up_is_told(self, watcher, phone, clock):
        later = timezone.now() + timedelta(seconds=60)
        Session.objects.filter(pk=phone.sid).update(auth_time=later, amr=["pwd", "otp", "mfa"])
        text = watcher.get(page("session_change", phone.sid)).content.decode()
        assert "Proved themselves again" in text
        assert "password, code, two factors" in text

    def test_an_expired_one_says_why(self, watcher, phone, clock):
        clock.shift(timedelta(days=2))
        assert "It lay unused." in watcher.get(page("session_change", phone.sid)).content.decode()

    def test_it_links_to_the_bulk_revocation(self, watcher, phone, alice):
        record = BulkRevocation.objects.create(reason="breach", by=alice)
        Session.objects.all().revoke(reason=RevokedReason.REVOKED_BY_STAFF, bulk_revocation=record)
        text = watcher.get(page("revokedsession_change", phone.sid)).content.decode()
        assert f"bulk revocation {record.pk}" in text
        assert f"{record.pk}: data of this site stolen" in text

    @proves("A3")
    def test_a3_hostile_names_are_harmless(self, watcher, phone):
        bad = "<script>alert(1)</script>"
        Session.objects.filter(pk=phone.sid).update(device_name=bad, user_agent=bad)
        SecurityEvent.objects.create(
            kind=SecurityEventKind.FACTOR_ADDED, session_id=phone.sid, facts={"name": bad}
        )
        event = SecurityEvent.objects.get()
        for address in (
            page("session_changelist"),
            page("session_change", phone.sid),
            page("securityevent_changelist"),
            page("securityevent_change", event.pk),
        ):
            assert bad not in watcher.get(address).content.decode()


@pytest.mark.urls("tests.person_urls")
class TestPersonsPage:
    @pytest.fixture
    def read(self, alice):
        name = f"staff:{alice._meta.app_label}_{alice._meta.model_name}"
        address = reverse(f"{name}_change", args=[alice.pk])
        return lambda client: client.get(address).content.decode()

    def test_it_leads_to_their_sessions(self, read, alice):
        (hers,) = make(alice, 1)
        root = staff("root", is_superuser=True)
        listing = reverse("staff:jwt_sessions_session_changelist")
        sessions_of = f"{listing}?{urlencode({'user': alice.pk})}"
        assert f'href="{sessions_of}"' in read(root)
        assert str(hers.pk) in root.get(sessions_of).content.decode()

    def test_only_who_may_see_them(self, read, alice):
        name = alice._meta.model_name
        assert "?user=" not in read(staff("clerk", f"view_{name}"))

    def test_a_new_user_has_none_yet(self, alice):
        name = f"staff:{alice._meta.app_label}_{alice._meta.model_name}"
        root = staff("root", is_superuser=True)
        assert root.get(reverse(f"{name}_add")).status_code == 200


@proves("P12")
@pytest.mark.parametrize("model", [SESSIONS, REVOKED, EVENTS])
def test_p12_a_page_takes_as_many_queries_for_one_and_for_many(watcher, alice, model):
    def count():
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as queries:
            Listing(watcher, model)
        return len(queries)

    make(alice, 1)
    Session.objects.all().revoke(reason=RevokedReason.SIGNED_OUT)
    SecurityEvent.objects.create(kind="factor_added", user=alice)
    before = count()
    for name in ("eve", "mallory"):
        user = make_user(name)
        make(user, 10)
        SecurityEvent.objects.create(kind="factor_added", user=user)
    Session.objects.all().revoke(reason=RevokedReason.SIGNED_OUT)
    assert count() == before
