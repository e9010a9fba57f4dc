"""What is told of a second factor, and of a new password: a record, a signal and a mail."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils.translation import gettext, pgettext

from jwt_sessions import clients, signals
from jwt_sessions.conf import EMAIL, SMS, TOTP, conf
from jwt_sessions.delivery import log_failure, mail, mail_address_of
from jwt_sessions.mfa.devices import device_models
from jwt_sessions.models import SecurityEvent, SecurityEventKind, session_alias
from jwt_sessions.models.recovery_codes import RECOVERY_CODE
from jwt_sessions.sessions.announcing import announce

if TYPE_CHECKING:
    from django.dispatch import Signal
    from django.http import HttpRequest

    from jwt_sessions.models import Session

SIGNALS: Final[dict[SecurityEventKind, Signal]] = {
    SecurityEventKind.FACTOR_ADDED: signals.factor_added,
    SecurityEventKind.FACTOR_REMOVED: signals.factor_removed,
    SecurityEventKind.FACTORS_RESET: signals.factors_reset,
    SecurityEventKind.RECOVERY_CODE_USED: signals.recovery_code_used,
    SecurityEventKind.RECOVERY_CODES_LOW: signals.recovery_codes_low,
    SecurityEventKind.RECOVERY_CODES_RENEWED: signals.recovery_codes_renewed,
    SecurityEventKind.TOO_MANY_WRONG_CODES: signals.too_many_wrong_codes,
    SecurityEventKind.PASSWORD_CHANGED: signals.password_changed,
}


def record(
    kind: SecurityEventKind,
    user: Any,
    *,
    request: HttpRequest | None,
    session: Session | None = None,
    **facts: Any,
) -> None:
    """Write a ``SecurityEvent``; after the commit send its signal and, if set, a mail."""
    event = SecurityEvent(
        kind=kind,
        user_id=user.pk,
        session_id=None if session is None else session.pk,
        address=clients.address_of(request),
        facts=facts,
    )
    event.save(using=session_alias())
    announce(SIGNALS[kind], sender=SecurityEvent, user=user, event=event, request=request)
    if conf.SECURITY_MAILS:
        tell = partial(_mail, event, user, request)
        transaction.on_commit(tell, using=session_alias(), robust=True)


def name_of_method(method: str) -> str:
    """Return what to call a method when speaking to people."""
    names = {
        TOTP: gettext("authenticator app"),
        EMAIL: gettext("e-mail"),
        SMS: pgettext("a text message", "SMS"),
        RECOVERY_CODE: gettext("recovery code"),
    }
    if method in names:
        return names[method]
    model = device_models().get(method)
    return method if model is None else str(model._meta.verbose_name)


def _mail(event: SecurityEvent, user: Any, request: HttpRequest | None) -> None:
    address = mail_address_of(user)
    if not address:
        return
    client = clients.describe(request)
    context = {
        "event": event,
        "user": user,
        "site": conf.MFA_ISSUER_NAME,
        "device": " / ".join(filter(None, [client.browser, client.platform])),
        "method": name_of_method(event.facts.get("method", "")),
        "name": event.facts.get("name", ""),
        "former": event.facts.get("replaces", ""),
    }
    try:
        mail(address, event.kind, context, base="security_event")
    except Exception as error:  # noqa: BLE001 - a mail server's, or a template's
        # The change is made; that its owner does not hear of it must not undo it.
        log_failure(error, f"a mail about {event.kind} cannot be sent")
