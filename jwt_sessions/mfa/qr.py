"""What an authenticator app is shown: the key URI, as text and as a picture."""

from __future__ import annotations

from base64 import b32encode
from typing import Any, Final
from urllib.parse import quote, urlencode

from qrcode.image.svg import SvgPathFillImage
from qrcode.main import QRCode

from jwt_sessions.conf import conf
from jwt_sessions.models.totp import DIGITS, STEP

GROUP: Final = 4


def group_secret(secret: bytes) -> str:
    """Return a secret in base 32 (RFC 4648 section 6), in groups of four to be typed."""
    text = _base32(secret)
    return " ".join(text[i : i + GROUP] for i in range(0, len(text), GROUP))


def otpauth_uri(secret: bytes, username: str) -> str:
    """Return the URI that authenticator apps read (Google Authenticator's Key URI Format)."""
    # A colon parts issuer and account; the issuer stands twice, for apps of either habit.
    issuer = conf.MFA_ISSUER_NAME.replace(":", "")
    label = f"{quote(issuer, safe='')}:{quote(username, safe='@')}"
    values = {
        "secret": _base32(secret),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": STEP,
    }
    return f"otpauth://totp/{label}?{urlencode(values, quote_via=quote)}"


def qr_svg(text: str) -> str:
    """Return a QR code as an ``<svg>`` to stand in a page, on a white ground of its own."""
    code: Any = QRCode(image_factory=SvgPathFillImage)
    code.add_data(text)
    return str(code.make_image().to_string(encoding="unicode"))


def _base32(secret: bytes) -> str:
    return b32encode(secret).decode("ascii").rstrip("=")
