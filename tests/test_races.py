"""Many callers at once, in threads and in processes: P2 to P5 hold by more than luck."""

from __future__ import annotations

import os
from datetime import timedelta
from threading import Barrier, Event

import pytest
from django.db import OperationalError, connection, transaction

from jwt_sessions import sessions
from jwt_sessions.models import RefreshToken, RevokedReason, SecurityEvent, Session
from jwt_sessions.sessions import refreshing
from tests.people import Device, claims_of
from tests.racing import IMPATIENCE, race_in_processes, say

CALLERS = 50
proves = pytest.mark.proves

pytestmark = [
    pytest.mark.races,
    pytest.mark.usefixtures("throttles_off"),
    pytest.mark.django_db(transaction=True),
    # One worker for all of them: PostgreSQL serves a hundred connections.
    pytest.mark.xdist_group("races"),
]


@pytest.fixture(autouse=True)
def clock():
    """The real one: processes of their own know no other."""


def assert_one_successor(answers, generation):
    assert [answer.status for answer in answers] == [200] * CALLERS
    successors = [claims_of(answer.refresh) for answer in answers]
    assert successors == [successors[0]] * CALLERS
    assert successors[0]["generation"] == generation
    assert max(answer.statements for answer in answers) <= 4


def assert_one_pair_and_the_end(answers, sid):
    assert sorted(answer.status for answer in answers) == [200] + [401] * (CALLERS - 1)
    assert max(answer.statements for answer in answers) <= 4
    assert Session.objects.get(pk=sid).revoked_reason == RevokedReason.TOKEN_REUSED
    assert SecurityEvent.objects.filter(session=sid).count() == 1
    (winner,) = (answer for answer in answers if answer.access)
    device = Device()
    device.access = winner.access
    assert device.call_protected().status_code == 401
    assert device.refresh(winner.refresh).status_code == 401


def test_all_races_are_run_by_one_worker(request):
    """PostgreSQL, which serves a hundred connections, has no room for fifty callers twice."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@races")


class TestFiftyCallers:
    @proves("P2", "P3", "R3", "R4")
    def test_p2_threads_all_get_the_one_successor(self, phone, threads):
        callers, token = threads(CALLERS), phone.refresh_token
        for generation in range(1, 21):
            answers = callers.refresh_at_once(token)
            assert_one_successor(answers, generation)
            token = answers[0].refresh
        assert RefreshToken.objects.get().generation == 20

    @proves("P2", "P3", "R3", "R4")
    def test_p2_processes_all_get_the_one_successor(self, phone):
        job = {"callers": CALLERS, "rounds": 20, "grace_period": 30}
        rounds = race_in_processes({**job, "tokens": [phone.refresh_token]})
        for generation, answers in enumerate(rounds, 1):
            assert_one_successor(answers, generation)
        assert len(rounds) == RefreshToken.objects.get().generation == 20

    @proves("P2", "P4", "R2", "R3")
    def test_p4_threads_without_a_grace_period_one_gets_a_pair_and_all_end(
        self, alice, threads, set_jwt
    ):
        set_jwt(REFRESH_GRACE_PERIOD=timedelta(0))
        callers = threads(CALLERS)
        for _ in range(20):
            pair = sessions.start(alice)
            assert_one_pair_and_the_end(callers.refresh_at_once(pair.refresh), pair.session.pk)

    @proves("P2", "P4", "R2", "R3")
    def test_p4_processes_without_a_grace_period_one_gets_a_pair_and_all_end(self, alice, set_jwt):
        pairs = [sessions.start(alice) for _ in range(20)]
        job = {"callers": CALLERS, "rounds": 1, "grace_period": 0}
        rounds = race_in_processes({**job, "tokens": [pair.refresh for pair in pairs]})
        for pair, answers in zip(pairs, rounds, strict=True):
            assert_one_pair_and_the_end(answers, pair.session.pk)


def is_dead(device):
    """Whether none of the tokens that a device ever got works any more."""
    return device.call_protected().status_code == device.refresh().status_code == 401


class TestTwoHundredRounds:
    ROUNDS = 200

    @proves("P5", "R6")
    def test_p5_a_refresh_racing_a_revocation(self, alice, threads):
        pair_of_threads = threads(2)
        for _ in range(self.ROUNDS):
            device = Device()
            device.access, device.refresh_token = (
                (pair := sessions.start(alice)).access,
                pair.refresh,
            )
            sid = pair.session.pk
            _, was_revoked = pair_of_threads.at_once(
                device.refresh, lambda: sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)
            )
            assert was_revoked
            assert is_dead(device)

    @proves("P5", "V1")
    def test_p5_a_changed_password_racing_a_sign_in_with_the_old_one(self, alice, threads):
        pair_of_threads = threads(2)
        for number in range(self.ROUNDS):
            device, old, new = Device(), f"password {number}", f"password {number + 1}"
            alice.set_password(old)
            alice.save()
            alice.set_password(new)
            pair_of_threads.at_once(lambda: device.sign_in(alice, old), alice.save)
            assert device.access is None or is_dead(device)

    @proves("P5", "V2")
    def test_p5_a_deactivation_racing_a_sign_in(self, alice, threads):
        pair_of_threads = threads(2)
        for _ in range(self.ROUNDS):
            device = Device()
            type(alice).objects.update(is_active=True)
            alice.is_active = False
            pair_of_threads.at_once(lambda: device.sign_in(alice), alice.save)
            assert device.access is None or is_dead(device)

    @proves("P5", "V1")
    def test_p5_a_revocation_of_all_racing_sign_ins(self, alice, threads):
        pair_of_threads = threads(2)
        for _ in range(self.ROUNDS):
            before, meanwhile = Device(), Device()
            before.sign_in(alice)
            pair_of_threads.at_once(
                lambda: meanwhile.sign_in(alice),
                lambda: sessions.revoke_all(alice, reason=RevokedReason.REVOKED_BY_STAFF),
            )
            assert is_dead(before)
            # Whichever came first, the row decides and nothing else.
            assert is_dead(meanwhile) is meanwhile.session.is_revoked

    @proves("P5", "V1")
    def test_p5_a_bulk_revocation_racing_refreshes_and_sign_ins(self, alice, threads):
        callers = threads(4)
        for _ in range(self.ROUNDS):
            first, second, third = (Device() for _ in range(3))
            for device in (first, second):
                device.sign_in(alice)
            known = [first.sid, second.sid]
            bulk = Session.objects.filter(pk__in=known)
            callers.at_once(
                first.refresh,
                lambda: bulk.revoke(reason=RevokedReason.REVOKED_BY_STAFF),
                second.refresh,
                lambda: third.sign_in(alice),
            )
            assert is_dead(first)
            assert is_dead(second)
            assert third.call_protected().status_code == 200

    @proves("P5")
    def test_p5_a_rename_racing_a_revocation_never_brings_the_session_back(self, alice, threads):
        pair_of_threads = threads(2)
        for _ in range(self.ROUNDS):
            device = Device()
            device.sign_in(alice)
            sid = device.session.pk
            pair_of_threads.at_once(
                lambda: sessions.rename(sid, user=alice, device_name="New name"),
                lambda: sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT),
            )
            assert device.session.is_revoked
            assert is_dead(device)

    @proves("P4", "P5")
    def test_p4_an_old_token_racing_the_newest_ends_the_session_for_both(self, alice, threads):
        pair_of_threads = threads(2)
        for _ in range(self.ROUNDS):
            device = Device()
            device.sign_in(alice)
            old = device.refresh_token
            device.refresh()
            device.refresh()
            pair_of_threads.at_once(lambda: Device().refresh(old), device.refresh)
            assert is_dead(device)


class TestInterleavings:
    """Each forced: by a barrier between read and write, or by a transaction held open."""

    @pytest.fixture
    def after_reading(self, monkeypatch):
        """Let each refresh do something between its first read and its first write."""
        load = refreshing.load_refresh_token

        def arrange(happen):
            def load_and_let_it_happen(sid):
                row = load(sid)
                happen()
                return row

            monkeypatch.setattr(refreshing, "load_refresh_token", load_and_let_it_happen)

        return arrange

    @proves("P2", "R3")
    def test_p2_all_have_read_the_same_generation_before_any_writes(
        self, phone, threads, after_reading
    ):
        after_reading(Barrier(10).wait)
        answers = threads(10).refresh_at_once(phone.refresh_token)
        assert [answer.status for answer in answers] == [200] * 10
        assert {answer.refresh for answer in answers} == {answers[0].refresh}
        # One was the first; all others wrote nothing, read again with a lock, and counted a use.
        assert sorted(answer.statements for answer in answers) == [2] + [4] * 9
        row = RefreshToken.objects.get()
        assert (row.generation, row.grace_uses) == (1, 9)

    @proves("P4", "R2")
    def test_p4_without_a_grace_period_all_have_read_the_same_generation(
        self, phone, threads, after_reading, set_jwt
    ):
        set_jwt(REFRESH_GRACE_PERIOD=timedelta(0))
        after_reading(Barrier(10).wait)
        answers = threads(10).refresh_at_once(phone.refresh_token)
        assert sorted(answer.status for answer in answers) == [200] + [401] * 9
        assert max(answer.statements for answer in answers) == 4
        assert phone.session.revoked_reason == RevokedReason.TOKEN_REUSED

    @proves("P2", "R3")
    def test_p2_nobody_rotates_between_the_second_look_and_its_answer(
        self, phone, threads, after_load, monkeypatch
    ):
        if not connection.features.has_select_for_update:
            pytest.skip("SQLite has no such locks")
        token, faster, other = phone.refresh_token, [], threads(1)
        after_load(lambda: faster.append(sessions.refresh(token)))
        repeat, answers = refreshing._repeat, []

        def refresh_impatiently():
            say(IMPATIENCE)
            return Device().refresh(faster[0].refresh).status_code

        def repeat_beside_another(*arguments):
            answers.extend(other.at_once(refresh_impatiently))
            return repeat(*arguments)

        monkeypatch.setattr(refreshing, "_repeat", repeat_beside_another)
        assert sessions.refresh(token).refresh == faster[0].refresh
        assert answers == [503]

    @pytest.mark.parametrize("commits", [True, False])
    @proves("P2", "R3")
    def test_p2_the_faster_one_holds_its_transaction_open(self, phone, threads, commits):
        token, has_rotated, may_end = phone.refresh_token, Event(), Event()

        def be_faster():
            with transaction.atomic():
                pair = sessions.refresh(token)
                has_rotated.set()
                may_end.wait(30)
                transaction.set_rollback(not commits)
            return pair.refresh

        def be_slower():
            has_rotated.wait(30)
            return sessions.refresh(token).refresh

        def let_the_slower_one_wait():
            has_rotated.wait(30)
            # Nothing tells when another waits for a lock. Too short a time proves less, no more.
            may_end.wait(0.3)
            may_end.set()

        faster, slower, _ = threads(3).at_once(be_faster, be_slower, let_the_slower_one_wait)
        assert claims_of(slower)["generation"] == RefreshToken.objects.get().generation == 1
        assert not commits or slower == faster

    @proves("P5", "R6")
    def test_p5_a_revocation_commits_between_read_and_write(self, phone, threads, after_reading):
        sid, caller = phone.session.pk, threads(1)
        revoke = lambda: sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)  # noqa: E731 - an act
        after_reading(lambda: caller.at_once(revoke))
        assert sessions.refresh(phone.refresh_token) == sessions.Refusal("session_revoked")
        assert RefreshToken.objects.get().generation == 0

    @proves("P5", "R6")
    def test_p5_a_revocation_held_open_kills_what_is_minted_meanwhile(self, phone, threads):
        sid, has_revoked, may_end = phone.session.pk, Event(), Event()

        def revoke():
            with transaction.atomic():
                sessions.revoke(sid, reason=RevokedReason.SIGNED_OUT)
                has_revoked.set()
                may_end.wait(0.5)

        def refresh():
            has_revoked.wait(30)
            phone.refresh()
            may_end.set()

        threads(2).at_once(revoke, refresh)
        assert is_dead(phone)

    @proves("P3", "R4")
    def test_p3_a_retry_has_read_when_the_next_rotation_comes(self, phone, threads, after_reading):
        old, caller = phone.refresh_token, threads(1)
        phone.refresh()
        newest = phone.refresh_token
        rotations = iter([newest])

        def rotate_once():
            for token in rotations:
                caller.at_once(lambda: sessions.refresh(token))

        after_reading(rotate_once)
        assert sessions.refresh(old) == sessions.Refusal("reused")
        assert phone.session.revoked_reason == RevokedReason.TOKEN_REUSED

    @pytest.fixture
    def repeatable_read(self, phone):
        """This connection, and no other, in a transaction that keeps seeing what it saw first."""
        level = {
            "postgresql": "SET default_transaction_isolation = 'repeatable read'",
            "mysql": "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        }
        if connection.vendor not in level:
            pytest.skip("SQLite has no levels; that it is locked then is told in test_outage.py")
        with connection.cursor() as cursor:
            cursor.execute(level[connection.vendor])
        yield
        connection.close()

    @proves("P2", "R3")
    def test_p2_under_repeatable_read_mariadb_sees_the_row_as_it_is(
        self, phone, threads, repeatable_read
    ):
        if connection.vendor != "mysql":
            pytest.skip("PostgreSQL refuses such a write, see the next test")
        token, caller = phone.refresh_token, threads(1)
        with transaction.atomic():
            assert RefreshToken.objects.get().generation == 0  # what a plain read sees from now on
            (faster,) = caller.at_once(lambda: sessions.refresh(token))
            assert sessions.refresh(token).refresh == faster.refresh

    @proves("P2", "P8", "R3")
    def test_p2_where_the_database_refuses_what_is_outdated_a_retry_is_right(
        self, phone, threads, repeatable_read
    ):
        if connection.vendor == "mysql":  # what MariaDB does by itself from 11.6.2 on
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION innodb_snapshot_isolation = ON")
        token, caller = phone.refresh_token, threads(1)
        with transaction.atomic():
            assert RefreshToken.objects.get().generation == 0
            (faster,) = caller.at_once(lambda: sessions.refresh(token))
            with pytest.raises(OperationalError):
                sessions.refresh(token)
            transaction.set_rollback(True)
        answer = phone.refresh(token)
        assert (answer.status_code, phone.refresh_token) == (200, faster.refresh)
