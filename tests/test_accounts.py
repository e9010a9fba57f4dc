"""What becomes of sessions when something becomes of the account."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.management.commands import changepassword
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jwt_sessions import accounts, sessions
from jwt_sessions.models import RevokedReason, SecurityEvent, Session
from jwt_sessions.revocation import auth_hashes
from tests.people import Device, credentials, make_user
from tests.user_models.models import Customer, PeopleNotHidden

proves = pytest.mark.proves


class StrongerHasher(PBKDF2PasswordHasher):
    """What a Django release does: the same algorithm, more work."""

    iterations = 2_000


class WeakerHasher(PBKDF2PasswordHasher):
    iterations = 1_000


@proves("V1")
def test_a_changed_password_ends_all_sessions_at_once(phone, laptop, alice, bob):
    bobs = Device()
    bobs.sign_in(bob)
    alice.set_password("another")
    alice.save()
    assert phone.call_protected().status_code == 401
    assert laptop.refresh().status_code == 401
    assert phone.session.revoked_reason == RevokedReason.PASSWORD_CHANGED
    assert bobs.call_protected().status_code == 200


def change_in_the_admin(user):
    if get_user_model()._meta.label != "auth.User":
        pytest.skip("Django's admin has a page for passwords of its own user model only")
    boss = make_user("boss", is_staff=True, is_superuser=True)
    staff = Client()
    staff.force_login(boss)
    passwords = {"password1": "correct-horse-battery", "password2": "correct-horse-battery"}
    page = reverse("admin:auth_user_password_change", args=[user.pk])
    assert staff.post(page, {**passwords, "usable_password": "true"}).status_code == 302


class TypedIn(changepassword.Command):
    """Django's command, with what somebody types into its terminal."""

    def _get_pass(self, prompt=""):
        return "correct-horse"


def change_by_command(user):
    call_command(TypedIn(), user.get_username(), stdout=StringIO())


def change_in_the_shell(user):
    theirs = get_user_model().objects.get(pk=user.pk)
    theirs.set_password("another")
    theirs.save(update_fields=["password"])


def change_by_a_queryset(user):
    get_user_model().objects.filter(pk=user.pk).update(password=make_password("another"))


@proves("R9", "V1")
@pytest.mark.parametrize(
    "change", [change_in_the_admin, change_by_command, change_in_the_shell, change_by_a_queryset]
)
def test_a_password_changed_in_any_way_ends_sessions_at_request_and_at_refresh(
    phone, laptop, alice, change
):
    change(alice)
    assert [phone.call_protected().status_code, laptop.call_protected().status_code] == [401, 401]
    assert [phone.refresh().status_code, laptop.refresh().status_code] == [401, 401]
    assert phone.session.revoked_reason == RevokedReason.PASSWORD_CHANGED


@proves("P13")
def test_a_save_ends_no_session_bound_by_a_fallback_of_secret_key(phone, alice, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next secret key, long enough as well to please the checks"
    alice.save()
    assert phone.call_protected().status_code == 200


@proves("V1")
def test_a_password_changed_behind_our_back_ends_access_at_once_too(phone, alice):
    type(alice).objects.update(password="another")
    assert phone.call_protected().status_code == 401


def test_the_session_that_changed_the_password_carries_on(phone, laptop, alice):
    alice.set_password("another")
    with transaction.atomic():
        assert sessions.rebind(phone.session, alice)
        alice.save()
    assert phone.call_protected().status_code == 200
    assert phone.refresh().status_code == 200
    assert laptop.call_protected().status_code == 401


def test_a_revoked_session_cannot_be_rebound(phone, alice):
    sessions.revoke(phone.session.pk, reason=RevokedReason.SIGNED_OUT)
    session, alice.password = phone.session, "another"
    before = session.auth_hash
    assert not sessions.rebind(session, alice)
    assert session.auth_hash == before


def test_another_users_session_cannot_be_rebound(phone, bob):
    assert not sessions.rebind(phone.session, bob)


def test_saving_a_user_without_changing_the_password_ends_nothing(phone, alice):
    alice.is_staff = True
    alice.save()
    assert phone.call_protected().status_code == 200


@proves("P12")
def test_saving_other_fields_alone_costs_no_query_of_ours(alice, django_assert_num_queries):
    with django_assert_num_queries(1):
        alice.save(update_fields=["is_staff"])


@proves("V2")
def test_a_deactivated_user_is_out_at_once_and_on_record(phone, alice):
    alice.is_active = False
    alice.save()
    assert phone.call_protected().status_code == 401
    assert phone.session.revoked_reason == RevokedReason.USER_DEACTIVATED


def test_what_is_not_written_ends_nothing(phone, alice):
    alice.is_active = False
    alice.set_password("another")
    alice.save(update_fields=["is_staff"])
    assert phone.call_protected().status_code == 200


@proves("V2")
def test_a_user_deactivated_behind_our_back_is_out_at_once(phone, alice):
    type(alice).objects.update(is_active=False)
    assert phone.call_protected().status_code == 401


@proves("V2")
def test_reactivation_revives_no_session(phone, alice):
    alice.is_active = False
    alice.save()
    alice.is_active = True
    alice.save()
    assert phone.call_protected().status_code == 401


@proves("V2")
def test_a_deleted_users_sessions_end_and_forget_them(phone, alice, bob):
    bobs = Device()
    bobs.sign_in(bob, device_name="Bob's phone")
    bobs_event = SecurityEvent.objects.create(kind="x", user=bob, facts={"bob": 1})
    event = SecurityEvent.objects.create(kind="x", user=alice, facts={"a": 1}, address="::1")
    sid = phone.sid
    Session.objects.filter(pk=sid).update(data={"a": 1}, device_name="Alice's phone")
    alice.delete()
    assert phone.call_protected().status_code == 401
    assert phone.refresh().status_code == 401
    session = Session.objects.get(pk=sid)
    assert (session.user, session.revoked_reason) == (None, RevokedReason.USER_DELETED)
    assert (session.device, session.user_agent, session.address) == ("", "", None)
    assert (session.address_key, session.refresh_token.address) == ("", None)
    assert (session.device_name, session.data, session.auth_hash) == ("", {}, "")
    event.refresh_from_db()
    bobs_event.refresh_from_db()
    assert (event.facts, event.address, bobs_event.facts) == ({}, None, {"bob": 1})
    assert bobs.session.device_name == "Bob's phone"
    assert bobs.call_protected().status_code == 200


@proves("V2")
def test_deleting_users_by_a_queryset_ends_their_sessions_too(phone, alice):
    type(alice).objects.filter(pk=alice.pk).delete()
    assert phone.call_protected().status_code == 401
    assert Session.objects.get().revoked_reason == RevokedReason.USER_DELETED


@proves("V2")
def test_an_ownerless_session_is_dead_whatever_its_row_says(phone):
    Session.objects.update(user=None)
    assert phone.call_protected().status_code == 401
    assert sessions.refresh(phone.refresh_token) == sessions.Refusal("user_deleted")


def test_a_user_model_without_passwords_binds_nothing():
    assert list(auth_hashes(object())) == [""]


def test_a_project_may_have_its_own_rule_for_who_is_signed_in(phone, alice, set_jwt):
    set_jwt(USER_AUTHENTICATION_RULE="tests.test_accounts.nobody_called_alice")
    assert phone.call_protected().status_code == 401
    assert Device().sign_in(alice).status_code == 401


def nobody_called_alice(user):
    return not user.get_username().startswith("alice")


def test_inactive_users_are_let_in_where_the_project_says_so(alice, settings, set_jwt):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    type(alice).objects.update(is_active=False)
    assert Device().sign_in(alice).status_code == 401
    set_jwt(CHECK_USER_IS_ACTIVE=False)
    assert Device().sign_in(alice).status_code == 200


def test_a_rule_that_looks_at_another_field_is_recorded_by_the_save(phone, alice, set_jwt):
    set_jwt(USER_AUTHENTICATION_RULE="tests.test_accounts.nobody_on_staff")
    alice.is_staff = True
    alice.save(update_fields=["is_staff"])
    assert phone.session.revoked_reason == RevokedReason.USER_DEACTIVATED


def nobody_on_staff(user):
    return not user.is_staff


@proves("V2", "R9")
def test_people_whom_the_user_models_manager_hides_are_out(phone, alice, monkeypatch):
    manager = PeopleNotHidden()
    manager.model, manager.name = type(alice), "objects"
    monkeypatch.setattr(type(alice)._meta, "default_manager", manager)
    assert phone.call_protected().status_code == 200
    assert phone.refresh().status_code == 200
    type(alice)._base_manager.update(last_login=timezone.now())
    assert phone.call_protected().status_code == 401
    assert phone.refresh().status_code == 401


class TestChildOfTheUserModel:
    @pytest.fixture
    def customer(self, alice):
        """Alice as a customer: a row in a table of its own, on top of her account."""
        Customer(**{Customer._meta.pk.name: alice}, city="Ghent").save_base(raw=True)
        return Customer.objects.get()

    def test_a_password_changed_on_the_child_is_a_changed_password(self, phone, customer):
        customer.set_password("another")
        customer.save()
        assert phone.session.revoked_reason == RevokedReason.PASSWORD_CHANGED

    def test_a_deleted_child_whose_user_stays_ends_nothing(self, phone, customer):
        customer.delete(keep_parents=True)
        assert phone.call_protected().status_code == 200

    def test_a_child_deleted_with_its_user_ends_everything(self, phone, customer):
        customer.delete()
        assert phone.session.revoked_reason == RevokedReason.USER_DELETED


class TestUpgradedHash:
    @pytest.fixture(autouse=True)
    def release(self, settings, db):
        """Two devices sign in, then Django raises the work factor."""
        settings.PASSWORD_HASHERS = ["tests.test_accounts.WeakerHasher"]
        self.carol = make_user("carol")
        self.old = Device()
        self.old.sign_in(self.carol)
        settings.PASSWORD_HASHERS = ["tests.test_accounts.StrongerHasher"]

    @proves("P13")
    def test_p13_a_hash_upgraded_at_sign_in_ends_no_session(self):
        before = type(self.carol).objects.get().password
        new = Device()
        new.sign_in(self.carol)
        assert type(self.carol).objects.get().password != before
        assert [device.call_protected().status_code for device in (self.old, new)] == [200, 200]
        assert self.old.refresh().status_code == 200

    @proves("P13")
    def test_p13_two_sign_ins_that_upgrade_at_once_end_no_session(self, monkeypatch):
        verify, faster, slower = accounts.verify_password, Device(), Device()

        def verify_while_the_faster_signs_in(*arguments):
            monkeypatch.setattr(accounts, "verify_password", verify)
            answer = verify(*arguments)
            faster.sign_in(self.carol)
            return answer

        monkeypatch.setattr(accounts, "verify_password", verify_while_the_faster_signs_in)
        slower.sign_in(self.carol)
        devices = (self.old, faster, slower)
        assert [device.call_protected().status_code for device in devices] == [200] * 3
        assert [device.refresh().status_code for device in devices] == [200] * 3

    @proves("P13")
    def test_a_session_of_an_older_password_is_not_rebound_by_an_upgrade(self):
        Session.objects.update(auth_hash="of an older password")
        Device().sign_in(self.carol)
        assert self.old.call_protected().status_code == 401

    def test_a_password_changed_while_one_is_proven_is_still_a_change(self, monkeypatch):
        def backend(request, **given):
            self.carol.set_password("set by the backend")
            self.carol.save()
            return self.carol

        monkeypatch.setattr(accounts, "authenticate", backend)
        accounts.prove_password(None, credentials(self.carol, "carol-wrong"))
        assert self.old.call_protected().status_code == 401
