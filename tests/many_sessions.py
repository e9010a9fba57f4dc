"""Sessions by the thousand, begun when it is said, as their ids tell."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from uuid import UUID

from django.utils import timezone

from jwt_sessions.models import RefreshToken, Session
from jwt_sessions.models.identifiers import least_uuid7


def id_of(moment, chance):
    return UUID(int=least_uuid7(moment).int | chance.getrandbits(62))


def begin(
    *people,
    at=None,
    apart=timedelta(0),
    number=1,
    idle=timedelta(days=1),
    revoked_after=None,
    **fields,
):
    """Begin so many sessions, one after the other, of one person after the other.

    Which ids they have, and so who is in a sample of them, is the same in each run.
    """
    chance = Random(Session.objects.count())
    now = timezone.now()
    moments = [(at or now) + each * apart for each in range(number)]
    made = [
        Session(
            id=id_of(moment, chance),
            user=people[each % len(people)] if people else None,
            auth_time=moment,
            created_at=moment,
            **{
                "expires_at": moment + timedelta(days=30),
                "revoked_at": None if revoked_after is None else moment + revoked_after,
                **fields,
            },
        )
        for each, moment in enumerate(moments)
    ]
    Session.objects.bulk_create(made, batch_size=500)
    RefreshToken.objects.bulk_create(
        [RefreshToken(session=one, last_seen_at=now, idle_expires_at=now + idle) for one in made],
        batch_size=500,
    )
    return made
