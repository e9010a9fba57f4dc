"""Revoke sessions by the hundred thousand, and tell what a process keeps of them, in bytes."""

import gc
import json
import sys
import tracemalloc
from datetime import timedelta
from uuid import UUID

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - the apps must be ready
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.large.filling import IDS, Stretch, copy_row, moments, time_after  # noqa: E402
from jwt_sessions.models import Session  # noqa: E402
from jwt_sessions.revocation import cached, window  # noqa: E402
from tests.many_sessions import begin  # noqa: E402
from tests.people import make_user  # noqa: E402


def revoke(number):
    """Revoke so many sessions of the last hour, a moment ago, by one statement."""
    now = timezone.now()
    (template,) = begin(make_user("alice"), revoked_after=timedelta(0))
    last_hour = Stretch(number - 1, now - timedelta(hours=1), now - timedelta(minutes=1))
    began = time_after(timedelta(0))
    values = {"id": IDS[connection.vendor], "auth_time": began, "created_at": began}
    copy_row(template, moments(last_hour), values)


def learn():
    """Let a process that knows nothing judge a session; return what it knows then, and its size."""
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    process = cached.CachedCheck()
    process.is_revoked(UUID(int=0))
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    return process, after - before


def main(number):
    call_command("migrate", run_syncdb=True, verbosity=0)
    tracemalloc.start()
    learn()  # imports and connections are paid for once
    tracemalloc.stop()
    revoke(number)
    tracemalloc.start()
    process, kept = learn()
    told = {"kept": kept, "is_complete": len(process.knowledge.ids) == 16 * number}
    window.MOST_IDS = number // 10
    process, told["kept_of_too_many"] = learn()
    told["knows"] = process.is_revoked(Session.objects.first().pk)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
