"""Recovery codes: made, shown once, used once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.db import router
from django.db.models import Count, Q
from django.utils import timezone

from jwt_sessions.exceptions import FactorNeeded
from jwt_sessions.mfa import events
from jwt_sessions.mfa.devices import has_second_factor
from jwt_sessions.mfa.turns import in_turn
from jwt_sessions.models import RecoveryCode, RecoveryCodes, SecurityEventKind
from jwt_sessions.models.recovery_codes import RECOVERY_CODE, hash_code, new_codes, normalize

if TYPE_CHECKING:
    from django.http import HttpRequest

    from jwt_sessions.mfa.proving import Proof
    from jwt_sessions.models import Session

FEW: Final = 3
STATIC: Final = "django_otp.plugins.otp_static"


@dataclass(frozen=True, slots=True)
class NewCodes:
    """Codes and their hashes, made before any lock is held, for that takes a while."""

    codes: list[str] = field(repr=False)
    hashes: list[str] = field(repr=False)

    @classmethod
    def make(cls) -> NewCodes:
        """Return codes that nobody has yet."""
        codes = new_codes()
        return cls(codes, [hash_code(normalize(code) or "") for code in codes])


def renew(
    user: Any, *, session: Session | None = None, request: HttpRequest | None = None
) -> list[str]:
    """Return new codes; the old ones, django-otp's static ones included, work no more.

    They cannot be shown again. Raises ``FactorNeeded`` for who has no second factor that they
    could stand in for, and ``UserGone``.
    """
    if not has_second_factor(user):  # asked again below; to hash codes for nobody takes a while
        raise FactorNeeded
    new = NewCodes.make()
    with in_turn(user):
        codes = store(user, new)
        if not has_second_factor(user):
            raise FactorNeeded
        events.record(
            SecurityEventKind.RECOVERY_CODES_RENEWED, user, session=session, request=request
        )
    return codes


def store(user: Any, new: NewCodes) -> list[str]:
    """Replace a person's codes, within the caller's transaction; return the new ones."""
    now = timezone.now()
    # An UPDATE first: SQLite cannot wait for its turn after a read.
    theirs = RecoveryCodes.objects.filter(user_id=user.pk)
    if not theirs.update(confirmed=True, confirmed_at=now):
        theirs.create(user_id=user.pk, confirmed=True, confirmed_at=now)
    device = theirs.get()
    RecoveryCode.objects.filter(device=device).delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(device=device, slot=slot, hashed=hashed)
        for slot, hashed in enumerate(new.hashes)
    )
    # Whole devices, for one without codes would count as a factor that nobody can prove.
    _static("StaticDevice", user_id=user.pk).delete()
    return new.codes


def remaining(user: Any) -> int:
    """Return how many codes a person has left, django-otp's static ones included."""
    static = _static("StaticToken", device__user_id=user.pk, device__confirmed=True)
    return RecoveryCode.objects.left_to(user.pk) + int(static.count())


def left_of(user: Any) -> int | None:
    """Return how many codes of ours a person has left; None for who has no use for them.

    One query, for every page that warns of it.
    """
    unused = Count("codes", filter=Q(codes__used_at=None))
    theirs = RecoveryCodes.objects.filter(user_id=user.pk, confirmed=True)
    left: int | None = theirs.annotate(left=unused).values_list("left", flat=True).first()
    return left


def _static(model: str, **theirs: Any) -> Any:
    """Return rows of one of django-otp's models, of which there are none without its app."""
    if not apps.is_installed(STATIC):
        return RecoveryCode.objects.none()
    static = apps.get_app_config("otp_static").get_model(model)
    return static._default_manager.using(router.db_for_write(static)).filter(**theirs)


def tell_of_use(
    user: Any, proof: Proof, *, session: Session | None, request: HttpRequest | None
) -> int | None:
    """Record that a recovery code was used, if one was; return how many are left."""
    if proof.method != RECOVERY_CODE:
        return None
    left = remaining(user)
    kinds = [SecurityEventKind.RECOVERY_CODE_USED]
    if left <= FEW:
        kinds.append(SecurityEventKind.RECOVERY_CODES_LOW)
    for kind in kinds:
        events.record(kind, user, session=session, request=request, remaining=left)
    return left
