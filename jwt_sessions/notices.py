"""Telling a person by mail that somebody signed in as them on a device that is new to us."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.core import signing
from django.core.exceptions import SuspiciousOperation
from django.db.models import Exists, Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext

from jwt_sessions.clients import JOINERS
from jwt_sessions.conf import conf
from jwt_sessions.delivery import log_failure, mail, mail_address_of
from jwt_sessions.models import Session
from jwt_sessions.models.identifiers import least_uuid7
from jwt_sessions.signals import session_started

if TYPE_CHECKING:
    from django.http import HttpRequest

# How long a device is remembered after a sign-in, as far as its session is stored for so long.
REMEMBERED_FOR: Final = timedelta(days=90)

# The page that the link leads to; it takes a token.
NOT_ME: Final = "jwt_sessions_pages:not_me"
# What is signed with it is of use nowhere else, and nothing else is of use there.
SALT: Final = "jwt_sessions.not_me"
LINK_LIFETIME: Final = timedelta(days=7)

# Letters, marks, digits, blanks, emoji: no mail program makes a link of these.
HARMLESS_CATEGORIES: Final = frozenset(
    {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Zs", "So", "Sk"}
)
HARMLESS: Final = frozenset(f"-_+'\u2019(),#&{JOINERS}")


def connect() -> None:
    """Follow the sign-ins."""
    session_started.connect(_follow_start, dispatch_uid="jwt_sessions.notices")


def make_link_token(session: Session) -> str:
    """Return text for a URL that names `session`, and nothing but our keys can make.

    Whoever has it may end that session, within ``LINK_LIFETIME``, and do nothing else: it is no
    token of the session. It is single-use in that a session can be ended once.
    """
    return signing.dumps({"sid": str(session.pk)}, salt=SALT)


def read_link_token(token: str) -> UUID | None:
    """Return the id of the session that a link may end; None where it is forged or too old."""
    try:
        payload = signing.loads(token, salt=SALT, max_age=LINK_LIFETIME)
    except (signing.BadSignature, UnicodeError):
        return None
    return UUID(payload["sid"])


def _follow_start(
    sender: Any, session: Session, request: HttpRequest | None, *, is_login: bool, **kwargs: Any
) -> None:
    if not (is_login and conf.SECURITY_MAILS):
        return
    try:
        address = mail_address_of(session.user)
        if address and _is_new(session):
            mail(address, "new_device", _describe(session, request), base="security_event")
    except Exception as error:  # noqa: BLE001 - a database's, a mail server's, or a template's
        # They are signed in; that the mail fails must not undo it.
        log_failure(error, "a mail about a new device cannot be sent")


def _is_new(session: Session) -> bool:
    """Return whether its user has signed in before, but not on this device.

    Sessions that are over count like others. One query.
    """
    # Of sign-ins at once each sees those before it alone, so that the first of them is told of.
    earlier = Session.objects.filter(user=session.user_id, pk__lt=session.pk)
    since = least_uuid7(timezone.now() - REMEMBERED_FOR)
    known = Exists(earlier.filter(_of_same_device(session), pk__gte=since))
    return earlier.values_list(known, flat=True).first() is False


def _of_same_device(session: Session) -> Q:
    by_program = Q(browser=session.browser, platform=session.platform)
    if not session.device_name:
        return by_program
    by_name = Q(device_name=session.device_name)
    # A program that says nothing of itself is known by its name alone.
    return by_name | by_program if session.device else by_name


def _describe(session: Session, request: HttpRequest | None) -> dict[str, Any]:
    return {
        # Where the frame of all security mails looks for when and where.
        "event": {"at": session.created_at, "address": session.address},
        "user": session.user,
        "site": conf.MFA_ISSUER_NAME,
        "session": session,
        "device": _device_in_words(session),
        "link": _make_link(session, request),
        "days": LINK_LIFETIME.days,
    }


def _device_in_words(session: Session) -> str:
    name, device = _without_links(session.device_name), _without_links(session.device)
    if name and device:
        return f"{name} ({device})"
    return name or device or gettext("unknown device")


def _without_links(text: str) -> str:
    """Return what a caller says of itself, with nothing a mail program would make a link of."""
    return " ".join("".join(char if _is_harmless(char) else " " for char in text).split())


def _is_harmless(char: str) -> bool:
    return char in HARMLESS or unicodedata.category(char) in HARMLESS_CATEGORIES


def _make_link(session: Session, request: HttpRequest | None) -> str:
    """Return the address of the page that ends the session, or "" where there is none."""
    if request is None:
        return ""
    try:
        return request.build_absolute_uri(reverse(NOT_ME, args=[make_link_token(session)]))
    except (NoReverseMatch, SuspiciousOperation):  # no such page; a Host that is none of ours
        return ""
