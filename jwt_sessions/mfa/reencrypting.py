"""Bringing stored secrets under the newest of MFA_ENCRYPTION_KEYS, so that older ones can go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jwt_sessions.encryption import all_keys
from jwt_sessions.exceptions import BadKey
from jwt_sessions.models import EncryptedTOTP

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH: Final = 500


@dataclass(slots=True)
class Reencrypted:
    """How many secrets are under the newest key now, and the ids of devices whose are lost."""

    count: int = 0
    lost: list[int] = field(default_factory=list)


def reencrypt() -> Reencrypted:
    """Encrypt anew what an older key encrypted; one query for each batch and one for each secret.

    It may be ended and begun again at any moment, and people sign in meanwhile: a secret is
    replaced only where nobody else has replaced it. Raises ``BadKey`` where no key can serve.
    """
    done = Reencrypted()
    for device in _under_older_keys(all_keys()[0].id):
        try:
            done.count += device.keep(device.secret)
        except BadKey:
            done.lost.append(device.pk)
    return done


def _under_older_keys(newest: str) -> Iterator[EncryptedTOTP]:
    older = EncryptedTOTP.objects.exclude(key_id=newest).order_by("pk")
    last = 0
    while batch := list(older.filter(pk__gt=last)[:BATCH]):
        yield from batch
        last = batch[-1].pk
