"""What ``request.session`` keeps of ours: which session it is, and what was proven in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from django.utils import timezone

from jwt_sessions.claims import AMR_MULTIPLE_FACTORS, parse_uuid, read_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from uuid import UUID

KEY: Final = "jwt_sessions"


@dataclass(frozen=True, slots=True)
class Credential:
    """The counterpart of an access token, for a browser.

    `auth_time` is in seconds since 1970, 0 where nobody knows. While `code_due`, the person has
    given the first factor only, and nobody is signed in.
    """

    sid: UUID
    auth_time: int
    amr: tuple[str, ...]
    code_due: bool = False

    @classmethod
    def read(cls, store: Any) -> Self | None:
        """Return what a ``request.session`` keeps; None for nothing, or what cannot be."""
        kept = store.get(KEY)
        if not isinstance(kept, dict) or not isinstance(kept.get("sid"), str):
            return None
        sid, amr = parse_uuid(kept["sid"]), kept.get("amr")
        if sid is None or not isinstance(amr, list):
            return None
        try:
            auth_time = int(read_time(kept, "auth_time"))
        except ValueError:
            return None
        return cls(sid, auth_time, tuple(map(str, amr)), bool(kept.get("code_due")))

    @classmethod
    def of_now(cls, sid: UUID, amr: Sequence[str], *, code_due: bool = False) -> Self:
        """Return what somebody is given who has just proven themselves."""
        return cls(sid, int(timezone.now().timestamp()), tuple(amr), code_due)

    def write(self, store: Any) -> None:
        """Keep it in a ``request.session``."""
        store[KEY] = {
            "sid": str(self.sid),
            "auth_time": self.auth_time,
            "amr": list(self.amr),
            "code_due": self.code_due,
        }

    def proven_now(self, amr: Sequence[str]) -> Self:
        """Return it after a proof: nothing is due any more."""
        now = int(timezone.now().timestamp())
        return replace(self, auth_time=now, amr=tuple(amr), code_due=False)

    @property
    def has_proven_factors(self) -> bool:
        """Whether two factors were proven."""
        return AMR_MULTIPLE_FACTORS in self.amr

    def is_recent(self, max_age: timedelta) -> bool:
        """Return whether the last proof is at most so old."""
        return timezone.now().timestamp() - self.auth_time <= max_age.total_seconds()


def sid_in(store: Any) -> UUID | None:
    """Return the id of the session that a ``request.session`` names, if any."""
    credential = Credential.read(store)
    return None if credential is None else credential.sid
