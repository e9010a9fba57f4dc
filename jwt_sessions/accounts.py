"""What happens to sessions when something happens to an account.

A password is proven, upgraded or changed; a user is deactivated or deleted.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.hashers import verify_password
from django.core.exceptions import FieldDoesNotExist
from django.db import router, transaction
from django.db.models.signals import post_save, pre_delete, pre_save

from jwt_sessions import sessions
from jwt_sessions.conf import conf
from jwt_sessions.models import RecoveryCodes, RevokedReason
from jwt_sessions.revocation import may_sign_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from django.contrib.auth.models import AbstractBaseUser
    from django.db.models import Field, Model, QuerySet
    from django.http import HttpRequest

# The password that is being proven in this context.
_proving: ContextVar[str | None] = ContextVar("proving", default=None)


def prove_password(
    request: HttpRequest | None, credentials: Mapping[str, str]
) -> AbstractBaseUser | None:
    """Return the user whom Django's authentication backends find, if they may be signed in.

    `credentials` are the user model's USERNAME_FIELD and ``password``. Where nobody is found,
    ``user_login_failed`` has been sent. A hash upgraded on the way (each Django release raises
    the work factor) ends no session.
    """
    with proving(credentials["password"]):
        user = authenticate(request=request, **credentials)
    if user is not None:
        user = _on_primary(user, credentials["password"])
    return user if user is not None and may_sign_in(user) else None


def _on_primary(user: Any, password: str) -> Any:
    """Return a user whom a backend read from a replica as the primary has them, if it has.

    Not if their password is another one there: the replica may not know yet.
    """
    alias = router.db_for_write(type(user))
    if user._state.db in {None, alias}:
        return user
    found: Any = type(user)._base_manager.using(alias).filter(pk=user.pk).first()
    if found is None:
        return None
    is_same = getattr(found, "password", None) == getattr(user, "password", None)
    if not is_same and not found.check_password(password):
        return None
    found.backend = user.backend
    return found


@contextmanager
def proving(password: str | None) -> Iterator[None]:
    """Let a hash that is upgraded meanwhile, while `password` is proven, end no session."""
    token = _proving.set(password)
    try:
        yield
    finally:
        _proving.reset(token)


def connect() -> None:
    """Follow the user model, its proxies and its children."""
    user_model = get_user_model()
    for model in apps.get_models():
        if issubclass(model, user_model):
            if _find_field(model, "password"):
                pre_save.connect(_upgrade_hash, sender=model)
            post_save.connect(_follow_change, sender=model)
        # A child may be deleted and its user kept; where the user goes too, this is sent for it.
        if model._meta.concrete_model is user_model._meta.concrete_model:
            pre_delete.connect(_follow_deletion, sender=model)


def _upgrade_hash(
    sender: type[Model],
    instance: Any,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Write the upgraded hash of a proven password together with the sessions it binds.

    To signals an upgraded hash looks just like a changed password. It is an upgrade if the password
    being proven matches the stored hash too.
    """
    password = _proving.get()
    field = _find_field(sender, "password")
    if password is None or field is None or raw or instance.pk is None:
        return
    if not _writes(update_fields, "password"):
        return
    row = field.model._base_manager.using(using).filter(pk=instance.pk)
    # Of sign-ins that upgrade at once, one writes its hash and the others take it over.
    if not _swap_hash(row, instance, password):
        _swap_hash(row, instance, password)


def _swap_hash(row: QuerySet[Any], user: Any, password: str) -> bool:
    """Return False if another sign-in was faster."""
    stored = row.values_list("password", flat=True).first()
    if stored is None:
        return True
    is_proven, is_outdated = verify_password(password, stored)
    if not is_proven:
        return True  # no upgrade but a change, and _follow_change knows what to do
    if not is_outdated:
        user.password = stored
        return True
    before = copy(user)
    before.password = stored
    with transaction.atomic(using=row.db):
        is_first = bool(row.filter(password=stored).update(password=user.password))
        if is_first:
            sessions.rebind_upgraded(user, before)
    return is_first


def _follow_change(
    sender: type[Model],
    instance: Any,
    created: bool,
    raw: bool,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """End the sessions of a user who was deactivated or whose password changed."""
    if created or raw:
        return
    # A rule of the project's own, or a computed is_active, may look at any field.
    looks_anywhere = conf.USER_AUTHENTICATION_RULE or not _find_field(sender, "is_active")
    if (looks_anywhere or _writes(update_fields, "is_active")) and not may_sign_in(instance):
        sessions.revoke_all(instance, reason=RevokedReason.USER_DEACTIVATED)
    elif _writes(update_fields, "password"):
        sessions.revoke_unbound(instance)


def _follow_deletion(instance: Any, **kwargs: Any) -> None:
    """End and blank the sessions of a user in the transaction that deletes them, and make way."""
    sessions.forget(instance)
    # Django looked for what goes along before anybody had to wait. Those made since would keep the
    # user from going; of other models of ours, it deletes what it finds in the end.
    RecoveryCodes.objects.filter(user_id=instance.pk).delete()


def _writes(update_fields: Collection[str] | None, field: str) -> bool:
    return update_fields is None or field in update_fields


def _find_field(model: type[Model], name: str) -> Field[Any, Any] | None:
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if field.concrete else None
