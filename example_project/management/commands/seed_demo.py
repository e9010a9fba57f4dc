from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from io import StringIO
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction
from django.test import RequestFactory
from django.utils import timezone

from jwt_sessions import clients, testing
from jwt_sessions.models import EncryptedTOTP, RefreshToken, RevokedReason, Session
from jwt_sessions.models.identifiers import least_uuid7


class Device(NamedTuple):
    name: str
    user_agent: str


DEVICES = [
    Device("", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0"),
    Device(
        "Work laptop",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.4 Safari/605.1.15",
    ),
    Device(
        "My phone",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1",
    ),
    Device(
        "",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36",
    ),
    Device("Shop app", "okhttp/4.12.0"),
    Device("Backup script", "python-requests/2.32.3"),
]
SESSIONS = {"alice": 18, "bob": 14, "carol": 8}
# Networks that belong to nobody (RFC 5737).
NETWORKS = {"alice": "203.0.113", "bob": "198.51.100", "carol": "192.0.2"}
ENDINGS = [
    RevokedReason.SIGNED_OUT,
    RevokedReason.SIGNED_OUT_REMOTELY,
    RevokedReason.REVOKED_BY_STAFF,
    RevokedReason.PASSWORD_CHANGED,
    RevokedReason.TOKEN_REUSED,
]


class Command(BaseCommand):
    help = "Fill the example with a key, people and sessions. Running it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_KEYS.exists():
            call_command(
                "signingkeys", "create", "--directory", str(settings.DEMO_KEYS), stdout=StringIO()
            )
        with transaction.atomic():
            admin = self.make_person("admin", is_staff=True, is_superuser=True)
            people = [self.make_person(name) for name in SESSIONS]
            self.let_staff_look(people[-1])
            self.make_person("dave")
            self.give_authenticator_app(people[1])
            if not Session.objects.exists():
                # Oldest first: a session's id is in the order of sign-ins.
                for number in reversed(range(max(SESSIONS.values()))):
                    for person in people:
                        if number < SESSIONS[person.username]:
                            self.make_session(person, number, admin)
        self.print_logins()

    def make_person(self, name: str, **rights: bool) -> User:
        person, is_new = get_user_model().objects.get_or_create(
            username=name, defaults={"email": f"{name}@example.com", **rights}
        )
        if is_new:
            person.set_password(f"{name}-demo")
            person.save(update_fields=["password"])
        return person

    def let_staff_look(self, person: User) -> None:
        User.objects.filter(pk=person.pk).update(is_staff=True)
        may_look = Permission.objects.filter(
            content_type__app_label="jwt_sessions",
            codename__in=["view_session", "view_revokedsession"],
        )
        person.user_permissions.add(*may_look)

    def give_authenticator_app(self, person: User) -> None:
        if not EncryptedTOTP.objects.filter(user=person).exists():
            testing.add_totp(person, name="My phone")

    def make_session(self, person: User, number: int, admin: User) -> None:
        """Store a session as if a device had started it some days ago: every third one is over."""
        device, now = DEVICES[number % len(DEVICES)], timezone.now()
        request = RequestFactory().post(
            "/api/auth/token/",
            headers={"user-agent": device.user_agent},
            REMOTE_ADDR=f"{NETWORKS[person.username]}.{10 + number}",
        )
        client, age = clients.describe(request), timedelta(hours=36 * number)
        started_at = now - age
        session = Session(
            # Ids tell when a session began.
            id=UUID(int=least_uuid7(started_at).int | secrets.randbits(62)),
            user=person,
            device_name=device.name,
            device_key=clients.device_key(device.name, client.browser, client.platform),
            user_agent=client.user_agent,
            browser=client.browser,
            platform=client.platform,
            address=client.address,
            address_key=clients.address_key(client.address),
            amr=["pwd", "otp", "mfa"] if person.username == "bob" else ["pwd"],
            auth_time=started_at,
            auth_hash=person.get_session_auth_hash(),
            created_at=started_at,
            expires_at=started_at + timedelta(days=30),
        )
        if number % 3 == 1:
            self.end(session, ENDINGS[number // 3 % len(ENDINGS)], started_at + age / 4, admin)
        session.save()
        last_seen_at = max(started_at + age / 2, now - timedelta(hours=20))
        is_unused = number % 7 == 6
        RefreshToken.objects.create(
            session=session,
            generation=number,
            last_seen_at=last_seen_at,
            idle_expires_at=started_at if is_unused else last_seen_at + timedelta(days=1),
            address=client.address,
        )

    def end(self, session: Session, reason: RevokedReason, at: datetime, admin: User) -> None:
        session.revoked_at, session.revoked_reason = at, reason
        if reason == RevokedReason.REVOKED_BY_STAFF:
            session.revoked_by = admin
        elif reason == RevokedReason.SIGNED_OUT_REMOTELY:
            session.revoked_by = session.user

    def print_logins(self) -> None:
        self.stdout.write("")
        self.stdout.write("People to sign in as:")
        for name, what in (
            ("admin", "superuser: everything in the admin"),
            ("alice", "has many devices"),
            ("bob", "has a second factor; for its code run: manage.py current_code bob"),
            ("carol", "staff who may look at sessions, but not revoke them"),
            ("dave", "must set up a second factor before anything else"),
        ):
            self.stdout.write(f"  {name:6} password {name}-demo   {what}")
        self.stdout.write("")
