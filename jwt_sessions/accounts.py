"""What happens to sessions when something happens to an account.

A password is proven, upgraded or changed; a user is deactivated or deleted.
"""

from __future__ import annotations

from contextvars import ContextVar
from copy import copy
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.hashers import check_password
from django.db.models.signals import post_save, pre_delete, pre_save

from jwt_sessions import sessions
from jwt_sessions.models import RevokedReason
from jwt_sessions.revocation import may_sign_in

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from django.contrib.auth.models import AbstractBaseUser
    from django.db.models import Model
    from django.http import HttpRequest

# The password being proven in this context, and the stored hashes that it has been found to match.
_proof: ContextVar[tuple[str, dict[Any, str]] | None] = ContextVar("proof", default=None)


def prove_password(
    request: HttpRequest | None, credentials: Mapping[str, str]
) -> AbstractBaseUser | None:
    """Return the user whom Django's authentication backends find, if they may be signed in.

    `credentials` are the user model's USERNAME_FIELD and ``password``. Where nobody is found,
    ``user_login_failed`` has been sent. A hash upgraded on the way (each Django release raises
    the work factor) ends no session.
    """
    proof = _proof.set((credentials["password"], {}))
    try:
        user = authenticate(request=request, **credentials)
    finally:
        _proof.reset(proof)
    return user if user is not None and may_sign_in(user) else None


def connect() -> None:
    """Follow the user model, its proxies and its children."""
    for model in apps.get_models():
        if issubclass(model, get_user_model()):
            pre_save.connect(_note_upgrade, sender=model)
            post_save.connect(_follow_change, sender=model)
            pre_delete.connect(_follow_deletion, sender=model)


def _note_upgrade(
    sender: type[Model],
    instance: Any,
    raw: bool,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Note the hash that a proven password had before it is hashed anew.

    To signals an upgraded hash looks just like a changed password. It is an upgrade if the password
    being proven matches the stored hash too.
    """
    proof = _proof.get()
    if proof is None or raw or instance.pk is None or not _touches(update_fields, "password"):
        return
    password, proven_hashes = proof
    stored = sender._base_manager.filter(pk=instance.pk).values_list("password", flat=True).first()
    if stored is not None and check_password(password, stored):
        proven_hashes[instance.pk] = stored


def _follow_change(
    instance: Any,
    created: bool,
    raw: bool,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """End the sessions of a user who was deactivated or whose password changed."""
    if created or raw:
        return
    if _touches(update_fields, "is_active") and not may_sign_in(instance):
        sessions.revoke_all(instance, reason=RevokedReason.USER_DEACTIVATED)
    elif _touches(update_fields, "password"):
        _, proven_hashes = _proof.get() or ("", {})
        if instance.pk in proven_hashes:
            before = copy(instance)
            before.password = proven_hashes.pop(instance.pk)
            sessions.rebind_upgraded(instance, before)
        sessions.revoke_unbound(instance)


def _follow_deletion(instance: Any, **kwargs: Any) -> None:
    """End and blank the sessions of a user in the transaction that deletes them."""
    sessions.forget(instance)


def _touches(update_fields: Collection[str] | None, field: str) -> bool:
    return update_fields is None or field in update_fields
