"""What an address must look like that codes can be sent to."""

from __future__ import annotations

import re
from typing import Final

from django.core.validators import EmailValidator, RegexValidator
from django.utils.translation import gettext_lazy as _

# E.164: a plus, the country, up to 15 digits in all.
PHONE_NUMBER: Final = re.compile(r"\A\+[1-9][0-9]{6,14}\Z", re.ASCII)
EMAIL_ADDRESS: Final = EmailValidator()
is_phone_number = RegexValidator(
    PHONE_NUMBER, _("Write the number with its country: +491701234567."), code="invalid"
)


def clean_number(text: str) -> str:
    """Return a telephone number without what people write between its digits."""
    return re.sub(r"[ \xa0()./-]", "", text)


def is_email_address(text: str) -> None:
    """Raise Django's ``ValidationError`` for what is none, or looks like another one.

    Its validator lets through domains with characters that turn the direction of writing.
    """
    EMAIL_ADDRESS(text if text.isprintable() else "")
