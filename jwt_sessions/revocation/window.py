"""The sessions that were revoked so lately that an access token of theirs may not have expired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone

from jwt_sessions.conf import conf
from jwt_sessions.models import Session

if TYPE_CHECKING:
    from uuid import UUID

# By how much the clocks of two servers may differ, together with how long the transaction of a
# revocation may take.
MARGIN: Final = timedelta(seconds=120)
# More ids than these, 32 MB, are not kept.
MOST_IDS: Final = 2_000_000
ID_LENGTH: Final = 16
CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a process knows: all ids of the window, sorted and packed, 16 bytes each.

    `epoch` is what the cache said before they were read, `read_at` the monotonic time, in seconds,
    before that. `ids` is None where there are too many to be kept.
    """

    epoch: Any
    read_at: float
    ids: bytes | None

    def has(self, sid: UUID) -> bool:
        """Return whether a session is among them."""
        ids, wanted = self.ids or b"", sid.bytes
        low, high = 0, len(ids) // ID_LENGTH
        while low < high:
            middle = (low + high) // 2
            start = middle * ID_LENGTH
            if ids[start : start + ID_LENGTH] < wanted:
                low = middle + 1
            else:
                high = middle
        return ids[low * ID_LENGTH : (low + 1) * ID_LENGTH] == wanted


def window_length() -> timedelta:
    """Return for how long after its revocation a session may have access tokens that are good."""
    return conf.ACCESS_TOKEN_LIFETIME + conf.LEEWAY + MARGIN


def read_window() -> bytes | None:
    """Return the ids of the whole window, sorted and packed; None where there are too many.

    One query. It is never asked what has come since the last time: a revocation that began before
    may be committed after.
    """
    since = timezone.now() - window_length()
    revoked = Session.objects.filter(revoked_at__gt=since).order_by("pk")
    packed, last, is_sorted = bytearray(), b"", True
    for sid in revoked.values_list("pk", flat=True)[: MOST_IDS + 1].iterator(chunk_size=CHUNK):
        this = sid.bytes
        # Databases that sort ids otherwise than their bytes are refused by a check, E017.
        is_sorted = is_sorted and last < this
        packed += this
        last = this
    if len(packed) > MOST_IDS * ID_LENGTH:
        return None
    # In no more room than it takes: a list that grows has some to spare.
    return bytes(packed) if is_sorted else _sort(packed)


def _sort(packed: bytes | bytearray) -> bytes:
    places = range(0, len(packed), ID_LENGTH)
    return b"".join(sorted(bytes(packed[place : place + ID_LENGTH]) for place in places))
