"""How a text reaches a person: by Django's mail, or by what the project sends SMS with."""

from __future__ import annotations

import logging
from traceback import format_tb
from typing import Any
from urllib.parse import urlsplit

from django.core.mail import send_mail
from django.template.loader import render_to_string

from jwt_sessions.conf import SMS, conf
from jwt_sessions.exceptions import NotDelivered

logger = logging.getLogger(__name__)


def deliver_code(code: str, *, channel: str, address: str) -> None:
    """Send a code. Raises ``NotDelivered``, whatever went wrong."""
    context = {
        "code": code,
        "site": conf.MFA_ISSUER_NAME,
        "host": urlsplit(conf.ISSUER).hostname or "",
        "minutes": max(1, int(conf.MFA_MESSAGE_LIFETIME.total_seconds()) // 60),
    }
    try:
        if channel == SMS:
            _send_sms(address, _render("sms/code", **context))
        else:
            mail(address, "code", context)
    except Exception as error:  # noqa: BLE001 - a mail server's, a gateway's, or a template's
        log_failure(error, f"a code cannot be sent by {channel}")
        # Not `from error`: whoever logs this one would log that one too.
        raise NotDelivered from None


def mail(address: str, name: str, context: dict[str, Any], *, base: str | None = None) -> None:
    """Send what the templates ``mail/<name>_subject.txt`` and ``mail/<name>.txt`` say.

    What of the two is missing, is there for `base`.
    """
    names = [name] if base is None else [name, base]
    subject = " ".join(_render(*(f"mail/{name}_subject" for name in names), **context).split())
    body = _render(*(f"mail/{name}" for name in names), **context)
    send_mail(subject, f"{body}\n", None, [address])


def mail_address_of(user: Any) -> str:
    """Return the address in the e-mail field of the user model, or "" where there is none."""
    has_address = hasattr(user, "get_email_field_name")
    return getattr(user, user.get_email_field_name(), "") if has_address else ""


def log_failure(error: Exception, what: str) -> None:
    """Log where it failed, without the error's own words: they may tell what was sent to whom."""
    where = "".join(format_tb(error.__traceback__))
    logger.error("%s: %s\n%s", what, type(error).__qualname__, where)


def _send_sms(number: str, text: str) -> None:
    sender = conf.MFA_SMS_SENDER
    if sender is None:
        raise NotDelivered("MFA_SMS_SENDER is not set")
    sender(number, text)


def _render(*names: str, **context: Any) -> str:
    return render_to_string([f"jwt_sessions/{name}.txt" for name in names], context).strip()
