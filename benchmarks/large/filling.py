"""Millions of sessions: rows made by the database itself, in a minute instead of hours."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from benchmarks.bearers import new_session
from jwt_sessions.models import RevokedReason, Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from django.db.models import Model

SESSIONS_OF_A_USER: Final = 10
# What is inserted by one statement: keys are checked at its end, and until then kept in memory.
PORTION: Final = 1_000_000

# Those that are made for the works of their own have smaller ids.
FIRST_USER: Final = 1_000_000

# As many rows as are asked for, numbered from 0.
ROWS: Final = {
    "postgresql": "generate_series(0, {count} - 1) AS numbers(i)",
    "sqlite": (
        "(WITH RECURSIVE counted(i) AS"
        " (SELECT 0 UNION ALL SELECT i + 1 FROM counted WHERE i < {count} - 1)"
        " SELECT i FROM counted) AS numbers"
    ),
}

# The time of a session in milliseconds; by chance 18 hexadecimal digits, and a host's number.
MOMENTS: Final = {
    "postgresql": (
        "(SELECT i, CAST({began} + i * {step} AS bigint) AS ms, md5(random()::text) AS digits,"
        " floor(random() * 16777216)::bigint AS host FROM {rows} OFFSET 0) AS moments"
    ),
    "sqlite": (
        "(SELECT i, CAST({began} + i * {step} AS integer) AS ms,"
        " lower(hex(randomblob(9))) AS digits, abs(random() % 16777216) AS host"
        " FROM {rows} LIMIT -1 OFFSET 0) AS moments"
    ),
}

# Of version 7, as ours are.
IDS: Final = {
    "postgresql": (
        "(lpad(to_hex(ms), 12, '0') || '7' || substr(digits, 1, 3)"
        " || '8' || substr(digits, 4, 15))::uuid"
    ),
    "sqlite": (
        "printf('%012x', ms) || '7' || substr(digits, 1, 3) || '8' || substr(digits, 4, 15)"
    ),
}

TIMES: Final = {
    "postgresql": "to_timestamp((ms + {later}) / 1000.0)",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', (ms + {later}) / 1000.0, 'unixepoch')",
}

# Of 100.0.0.0/8, where no work looks for anybody, and their keys.
ADDRESSES: Final = {
    "postgresql": "'100.0.0.0'::inet + host",
    "sqlite": "printf('100.%d.%d.%d', host >> 16, (host >> 8) & 255, host & 255)",
}
ADDRESS_KEYS: Final = {
    "postgresql": "'00000000000000000000ffff64' || lpad(to_hex(host), 6, '0')",
    "sqlite": "printf('00000000000000000000ffff64%06x', host)",
}

USER_IDS: Final = {
    "postgresql": "{first} + floor(random() * {users})::bigint",
    "sqlite": "{first} + abs(random() % {users})",
}


class Stretch(NamedTuple):
    """So many sessions, evenly begun between two times."""

    sessions: int
    began: datetime
    until: datetime

    def portions(self) -> Iterator[Stretch]:
        """Yield it in parts that a statement can have."""
        step = (self.until - self.began) / self.sessions
        for first in range(0, self.sessions, PORTION):
            last = min(first + PORTION, self.sessions)
            yield Stretch(last - first, self.began + first * step, self.began + last * step)


def fill(*stretches: Stretch) -> int:
    """Make sessions in the order in which they began; return how many users they have.

    The users, a tenth as many, come along. All sessions may be used for a day more, but for those
    whose time is over.
    """
    users = max(1, sum(stretch.sessions for stretch in stretches) // SESSIONS_OF_A_USER)
    _add_users(users)
    model = _template()
    with _unchecked():
        for stretch in stretches:
            for portion in stretch.portions():
                _add_sessions(model, portion, users)
        _add_refresh_tokens(model)
    model.refresh_token.delete()
    Session.objects.filter(pk=model.pk).delete()
    tidy()
    return users


@contextmanager
def _unchecked() -> Iterator[None]:
    """Let rows in whose keys nobody looks up, where we may: that is half of the time."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT current_setting('is_superuser')::boolean")
            if cursor.fetchone()[0]:
                cursor.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        if connection.vendor == "postgresql":
            # As it is for whoever comes next.
            connection.close()


def fill_last_month(sessions: int) -> None:
    """Make so many sessions of the last 29 days, none of which has ended."""
    now = timezone.now()
    fill(Stretch(sessions, now - timedelta(days=29), now))


def revoke_by_chance(*, count: int) -> None:
    """Revoke so many of the sessions that are not yet, now."""
    chosen = Session.objects.filter(revoked_at=None).order_by("?").values("pk")[:count]
    Session.objects.filter(pk__in=chosen).revoke(reason=RevokedReason.SIGNED_OUT)


def tidy() -> None:
    """Do what autovacuum does in the end."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def rows(count: int) -> str:
    """Return SQL for `count` rows."""
    return ROWS[connection.vendor].format(count=count)


def copy_row(template: Model, source: str, values: Mapping[str, str]) -> None:
    """Insert a copy of a stored row for each row of `source`, with these SQL values instead.

    So nothing has to be known of columns that do not matter here.
    """
    quote, meta = connection.ops.quote_name, template._meta
    columns = [
        (quote(field.column), values.get(field.name, f"template.{quote(field.column)}"))
        for field in meta.concrete_fields
        # A number that is not given comes from the database.
        if field.name in values or not field.primary_key
    ]
    names, selected = zip(*columns, strict=True)
    pk = meta.pk.get_db_prep_value(template.pk, connection)
    sql = (
        f"INSERT INTO {quote(meta.db_table)} ({', '.join(names)}) SELECT {', '.join(selected)}"  # noqa: S608 - all of it is ours
        f" FROM {source} CROSS JOIN {quote(meta.db_table)} template"
        f" WHERE template.{quote(meta.pk.column)} = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("%", "%%").replace("= %%s", "= %s"), [pk])


def _add_users(count: int) -> None:
    alice = get_user_model().objects.get(username="alice")
    copy_row(alice, rows(count), {"id": f"{FIRST_USER} + i", "username": "'user-' || i"})


def _template() -> Session:
    # Everybody has one password, and with it one hash to which sessions are bound.
    session = new_session(get_user_model().objects.get(username="alice"), timezone.now())
    session.save()
    session.refresh_token.save()
    return session


def moments(stretch: Stretch) -> str:
    """Return SQL for the rows of a stretch: a time and digits by chance for each."""
    began, until = _milliseconds(stretch.began), _milliseconds(stretch.until)
    step = (until - began) / stretch.sessions
    return MOMENTS[connection.vendor].format(began=began, step=step, rows=rows(stretch.sessions))


def user_of(users: int) -> str:
    """Return SQL for the id of one of the users, by chance."""
    return USER_IDS[connection.vendor].format(first=FIRST_USER, users=users)


def time_after(period: timedelta) -> str:
    """Return SQL for the time so long after that of the row."""
    return TIMES[connection.vendor].format(later=period // timedelta(milliseconds=1))


def _add_sessions(template: Session, stretch: Stretch, users: int) -> None:
    began = time_after(timedelta(0))
    values = {
        "id": IDS[connection.vendor],
        "user": user_of(users),
        "auth_time": began,
        "created_at": began,
        "expires_at": time_after(template.expires_at - template.created_at),
        "address": ADDRESSES[connection.vendor],
        "address_key": ADDRESS_KEYS[connection.vendor],
    }
    copy_row(template, moments(stretch), values)


def _add_refresh_tokens(template: Session) -> None:
    table = connection.ops.quote_name(Session._meta.db_table)
    needed = "id, created_at, expires_at"
    source = f"(SELECT {needed} FROM {table} WHERE user_id >= {FIRST_USER} ORDER BY id) AS s"  # noqa: S608
    is_over = "s.expires_at < template.last_seen_at"
    values: dict[str, Any] = {
        "session": "s.id",
        "last_seen_at": f"CASE WHEN {is_over} THEN s.created_at ELSE template.last_seen_at END",
        "idle_expires_at": (
            f"CASE WHEN {is_over} THEN s.expires_at ELSE template.idle_expires_at END"
        ),
    }
    copy_row(template.refresh_token, source, values)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
