"""Moving authenticator apps of django-otp, whose secrets lie in clear, to encrypted ones."""

from __future__ import annotations

from binascii import unhexlify
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.db import router, transaction
from django.db.models import F
from django.utils import timezone

from jwt_sessions.models import EncryptedTOTP, session_alias
from jwt_sessions.models.totp import DIGITS, STEP, TOLERANCE
from jwt_sessions.sessions.locking import take_turns

if TYPE_CHECKING:
    from collections.abc import Iterator

STOCK: Final = "django_otp.plugins.otp_totp"
TWO_FACTOR: Final = "two_factor"
BATCH: Final = 500
GONE: Final = "it is gone"


@dataclass(slots=True)
class Adopted:
    """How many devices were moved, and how many were left, by reason."""

    count: int = 0
    left: Counter[str] = field(default_factory=Counter)


def find_obstacles() -> list[str]:
    """Return why stock devices had better stay where they are."""
    reasons = []
    if apps.is_installed(TWO_FACTOR):
        reasons.append("django-two-factor-auth knows no devices but django-otp's own")
    if (model := _stock_model()) is not None:
        referring = {relation.related_model._meta.label for relation in model._meta.related_objects}
        reasons += [f"{label} refers to them, and its rows may go with them" for label in referring]
    return reasons


def adopt(*, dry_run: bool = False) -> Adopted:
    """Move each ``TOTPDevice`` that our own would accept the same codes of; four queries for each.

    One transaction each, within which nobody signs in by it: a code that was used before does not
    work after, and one that meets the move is refused and works when it is entered again.
    """
    done = Adopted()
    for pk, user in _stock_rows():
        reason = _judge(pk) if dry_run else _move(pk, user)
        if reason is None:
            done.count += 1
        elif reason != GONE:
            done.left[reason] += 1
    return done


def _stock_model() -> Any:
    """Return django-otp's model, or None without its app."""
    is_there = apps.is_installed(STOCK)
    return apps.get_app_config("otp_totp").get_model("TOTPDevice") if is_there else None


def _rows() -> Any:
    model = _stock_model()
    return model._base_manager.using(router.db_for_write(model))


def _stock_rows() -> Iterator[tuple[Any, Any]]:
    """Yield each device's key and its owner's, without holding a cursor open."""
    if _stock_model() is None:
        return
    last = 0
    while batch := list(_rows().filter(pk__gt=last).order_by("pk").select_related("user")[:BATCH]):
        yield from ((device.pk, device.user) for device in batch)
        last = batch[-1].pk


def _judge(pk: Any) -> str | None:
    stock = _rows().filter(pk=pk).first()
    return GONE if stock is None else _reason_to_leave(stock)


def _move(pk: Any, user: Any) -> str | None:
    """Move one device; return why it stays, or None."""
    with transaction.atomic(using=session_alias()):
        take_turns(user)
        row = _rows().filter(pk=pk, user_id=user.pk)
        # An UPDATE first: it waits for who verifies a code, and SQLite can wait before it reads.
        if not row.update(name=F("name")):
            return GONE
        stock = row.get()
        if (reason := _reason_to_leave(stock)) is not None:
            return reason
        EncryptedTOTP.make(secret=unhexlify(stock.key), **_fields_of(stock))
        row.delete()
    return None


def _reason_to_leave(stock: Any) -> str | None:
    """Return why our device would not accept the same codes, or None."""
    try:
        has_secret = bool(unhexlify(stock.key))
    except ValueError:
        has_secret = False
    reasons = {
        "its secret cannot be read": not has_secret,
        f"its codes have not {DIGITS} digits": stock.digits != DIGITS,
        f"its steps are not of {STEP} seconds": stock.step != STEP,
        "its steps are not counted from 1970": stock.t0 != 0,
        "its clock differs by more than a step": abs(stock.drift) > TOLERANCE,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _fields_of(stock: Any) -> dict[str, Any]:
    created_at = stock.created_at or timezone.now()
    return {
        "user_id": stock.user_id,
        "name": stock.name,
        "confirmed": stock.confirmed,
        "created_at": created_at,
        "confirmed_at": created_at if stock.confirmed else None,
        "last_used_at": stock.last_used_at,
        "last_step": stock.last_t,
    }
