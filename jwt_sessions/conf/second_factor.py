"""The settings of the second factor."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jwt_sessions.conf.reading import SettingsReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What people may enroll, if the project does not say otherwise.
TOTP: Final = "totp"
EMAIL: Final = "email"
SMS: Final = "sms"
ENROLLABLE_METHODS: Final = (TOTP, EMAIL, SMS)


class SecondFactorSettings(SettingsReader):
    """Who needs a second factor, which there are, and how often somebody may try."""

    @property
    def MFA_REQUIRED(self) -> Callable[[Any], bool] | None:
        """What says whether a user must have a second factor; None: nobody must."""
        function: Callable[[Any], bool] | None = self.imported("MFA_REQUIRED")
        return function

    @property
    def MFA_METHODS(self) -> tuple[str, ...]:
        """What people may enroll: some of ENROLLABLE_METHODS. What they have goes on working."""
        return tuple(self.get("MFA_METHODS", ENROLLABLE_METHODS))

    @property
    def MFA_ISSUER_NAME(self) -> str:
        """The name of this site in an authenticator app; by default the host of ISSUER."""
        issuer = str(self.get("ISSUER") or "")
        return str(self.get("MFA_ISSUER_NAME") or urlsplit(issuer).hostname or issuer)

    @property
    def MFA_ENCRYPTION_KEYS(self) -> Sequence[str | bytes] | None:
        """The secrets that encrypt, newest first; None: derived from ``SECRET_KEY``."""
        keys = self.get("MFA_ENCRYPTION_KEYS")
        return None if keys is None else self.as_list(keys)

    @property
    def MFA_SMS_SENDER(self) -> Callable[[str, str], Any] | None:
        """What sends an SMS: it takes a number and a text. None: no SMS."""
        function: Callable[[str, str], Any] | None = self.imported("MFA_SMS_SENDER")
        return function

    @property
    def MFA_PENDING_LOGIN_LIFETIME(self) -> timedelta:
        """How long a login waits for the code."""
        lifetime: timedelta = self.get("MFA_PENDING_LOGIN_LIFETIME", timedelta(minutes=5))
        return lifetime

    @property
    def MFA_MAX_FAILURES(self) -> int:
        """How many wrong codes in a row lock a factor, and end a pending login."""
        return int(self.get("MFA_MAX_FAILURES", 10))

    @property
    def MFA_LOCK_PERIOD(self) -> timedelta:
        """How long a factor is locked at first; each further lock takes twice as long."""
        period: timedelta = self.get("MFA_LOCK_PERIOD", timedelta(minutes=15))
        return period

    @property
    def MFA_MAX_LOCK_PERIOD(self) -> timedelta:
        """How long a factor is locked at most."""
        period: timedelta = self.get("MFA_MAX_LOCK_PERIOD", timedelta(days=1))
        return max(period, self.MFA_LOCK_PERIOD)

    @property
    def MFA_MESSAGE_LIFETIME(self) -> timedelta:
        """How long a code that was sent works."""
        lifetime: timedelta = self.get("MFA_MESSAGE_LIFETIME", timedelta(minutes=5))
        return lifetime

    @property
    def MFA_MESSAGE_INTERVAL(self) -> timedelta:
        """How long to wait before a code is sent to the same person again."""
        interval: timedelta = self.get("MFA_MESSAGE_INTERVAL", timedelta(minutes=1))
        return interval

    @property
    def MFA_MESSAGES_PER_DAY(self) -> int:
        """How many codes one person is sent in a day by e-mail, and how many by SMS."""
        return int(self.get("MFA_MESSAGES_PER_DAY", 20))

    @property
    def RECENT_LOGIN_MAX_AGE(self) -> timedelta:
        """How long after proving themselves a person may do what needs a recent login."""
        age: timedelta = self.get("RECENT_LOGIN_MAX_AGE", timedelta(minutes=15))
        return age

    @property
    def SECURITY_MAILS(self) -> bool:
        """Whether people get mails on their second factor, and on sign-ins from new devices."""
        return bool(self.get("SECURITY_MAILS", True))
