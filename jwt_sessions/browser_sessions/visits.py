"""One request of a browser: who comes, and in which session."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError
from django.utils.module_loading import import_string
from django_otp import DEVICE_ID_SESSION_KEY

from jwt_sessions import sessions
from jwt_sessions.browser_sessions import judging
from jwt_sessions.browser_sessions.credential import KEY, Credential
from jwt_sessions.browser_sessions.destinations import CODE, ENROLLMENT
from jwt_sessions.browser_sessions.foreign import is_code_due, sid_of_older, usual_amr
from jwt_sessions.conf import conf, until_settings_change
from jwt_sessions.exceptions import UserGone
from jwt_sessions.mfa import has_second_factor, is_required
from jwt_sessions.models import RevokedReason
from jwt_sessions.revocation import may_sign_in
from jwt_sessions.sessions.refreshing import load_refresh_token
from jwt_sessions.sessions.seeing import SEEN_FOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.http import HttpRequest

    from jwt_sessions.models import RefreshToken, Session

logger = logging.getLogger(__name__)

ATTRIBUTE: Final = "jwt_sessions_visit"


@until_settings_change
def is_switched_on() -> bool:
    """Return whether browser sessions are kept: whether the middleware is among the project's."""
    return any(
        getattr(import_string(path), "keeps_browser_sessions", False) for path in conf.middleware
    )


def visit_of(request: Any) -> Visit | None:
    """Return what the middleware knows of a request, Django's or REST framework's; else None."""
    http_request = getattr(request, "_request", request)
    return getattr(http_request, ATTRIBUTE, None)


class Visit:
    """What is known of one request's browser session.

    `person` is who signed in here, also where more is due (`due`) before anybody is let in.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.person: Any = None
        self.row: RefreshToken | None = None
        self.credential: Credential | None = None
        # The session that is dead, and why, where nobody has recorded it yet.
        self.unrecorded: tuple[UUID, RevokedReason] | None = None
        self.is_new = self.is_adopted = self.is_unjudged = False
        self.due: str | None = None
        # As they were when the session was found.
        self.known_hash: str | None = None
        self.known_device: str | None = None
        setattr(request, ATTRIBUTE, self)

    @property
    def store(self) -> Any:
        """Django's cookie session."""
        return self.request.session

    @property
    def session(self) -> Session | None:
        """The session of ours, if the browser is signed in."""
        return None if self.row is None else self.row.session

    def find_user(self) -> Any:
        """Return the user, or Django's ``AnonymousUser``. One query, where Django asks one too."""
        if SESSION_KEY not in self.store:
            return AnonymousUser()
        credential = Credential.read(self.store)
        if credential is not None:
            person = self._judge(credential)
        elif KEY in self.store:
            self._refuse("damaged")
            person = None
        else:
            person = self._adopt()
        if person is None or self.due is not None:
            return AnonymousUser()
        return person

    def _judge(self, credential: Credential) -> Any:
        row = load_refresh_token(credential.sid)
        reason = "session_unknown" if row is None else judging.why_over(row, self.store)
        if row is None or reason is not None:
            if reason in RevokedReason.values:
                self.unrecorded = credential.sid, RevokedReason(reason)
            self._refuse(reason or "session_unknown")
            return None
        person = judging.find_by_backend(row, self.store)
        if person is None:
            # The backend may find them again, so that Django signs nobody out for it either.
            return None
        judging.heal(row, self.store)
        self._know(row, credential, person)
        return person

    def _adopt(self) -> Any:
        """Take over a cookie session that is older than our keeping them: it signs nobody out.

        Who has a second factor, and has not proven it there, is asked for a code.
        """
        sid = sid_of_older(self.store)
        user: Any = get_user(self.request)
        if not user.is_authenticated:
            return None
        if not may_sign_in(user):
            self._refuse(RevokedReason.USER_DEACTIVATED)
            return None
        # Who had proven themselves when, nobody knows.
        credential = Credential(sid, 0, usual_amr(self.store))
        credential = replace(credential, code_due=is_code_due(credential.amr, user))
        credential.write(self.store)
        try:
            session = self.start(user, credential.amr, origin=sessions.Origin(sid=sid))
        except IntegrityError:
            return self._judge(credential)
        except UserGone:
            self._refuse(RevokedReason.USER_DELETED)
            return None
        self._know(session.refresh_token, credential, user)
        self.is_new = self.is_adopted = True
        return user

    def _refuse(self, reason: str) -> None:
        logger.debug("a browser session is over: %s", reason)
        self.empty()

    def _know(self, row: RefreshToken, credential: Credential, person: Any) -> None:
        self.row, self.credential, self.person = row, credential, person
        self.known_hash = self.store.get(HASH_SESSION_KEY)
        self.known_device = self.store.get(DEVICE_ID_SESSION_KEY)
        self.due = self._what_is_due(credential, person)

    def _what_is_due(self, credential: Credential, person: Any) -> str | None:
        if credential.code_due:
            return CODE
        if credential.has_proven_factors or not is_required(person):
            return None
        return CODE if has_second_factor(person) else ENROLLMENT

    def start(
        self, user: Any, amr: Sequence[str], *, origin: sessions.Origin | None = None
    ) -> Session:
        """Store a session for this browser."""
        return sessions.start_in_browser(
            user, request=self.request, amr=amr, idle=self.idle, origin=origin
        )

    @property
    def idle(self) -> timedelta:
        """How long the session may lie unused: as long as Django keeps it after it was seen."""
        return timedelta(seconds=self.store.get_expiry_age()) + SEEN_FOR

    def begin(self, session: Session, credential: Credential) -> None:
        """Go on as somebody who has just signed in."""
        credential.write(self.store)
        self._know(session.refresh_token, credential, session.user)
        self.is_new = True

    def prove(self, proven: Sequence[str]) -> bool:
        """Note that the person has just proven themselves, in all by `proven`.

        The key of ``request.session`` changes, for it is worth more now. Returns False if the
        session is revoked.
        """
        if self.row is None or self.credential is None:
            return False
        if not sessions.note_proof(self.row.session, amr=proven):
            return False
        self.credential = self.credential.proven_now(proven)
        self.store.cycle_key()
        self.credential.write(self.store)
        was_due, self.due = self.due, self._what_is_due(self.credential, self.person)
        if was_due and self.due is None:
            self._show(self.person)
        return True

    def empty(self) -> None:
        """Sign the browser out, where the session is over already."""
        self.leave()
        self.store.pop(KEY, None)
        self.store.flush()
        self._show(AnonymousUser())

    def leave(self) -> None:
        """Forget whose session it was."""
        self.row = self.person = self.due = None

    def _show(self, user: Any) -> None:
        request: Any = self.request
        request.user = request._cached_user = user  # noqa: SLF001 - Django keeps it there
