"""The two tokens of a session: minting and parsing. The only importer of simplejwt's tokens.

Parsing is one straight line from cheap to dear. Each refusal raises ``InvalidToken`` with a reason
of its own, which is logged at debug; the caller is told only that the token is not valid.
"""

from __future__ import annotations

import logging
import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4, uuid5

from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from jwt_sessions import claims
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.keys import get_keyring

if TYPE_CHECKING:
    from datetime import datetime

    from jwt_sessions.models import RefreshToken, Session

logger = logging.getLogger(__name__)

MAX_LENGTH: Final = 8192
COMPACT_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class SessionAccessToken(AccessToken):
    """A good access token. Reads like simplejwt's: ``token["user_id"]``, ``token.get(...)``.

    `session` is the live ``Session`` it belongs to. The text of the token is not kept.
    """

    def __init__(self, payload: dict[str, Any], sid: UUID) -> None:
        # simplejwt's own __init__ would decode and judge the token; that is done by now.
        self.payload = payload
        self.sid = sid
        self.session: Session | None = None
        self.current_time = timezone.now()  # what the methods it inherits judge by

    def __repr__(self) -> str:
        return f"<{type(self).__name__} jti={self.payload['jti']} sid={self.sid}>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class SessionRefreshToken:
    """A good refresh token: which session it is for, and which generation."""

    sid: UUID
    generation: int


def mint_access_token(session: Session, *, now: datetime) -> str:
    """Return a new access token (RFC 9068) for `session`, whose user and refresh token are loaded.

    It ends no later than the session does.
    """
    ends_at = min(now + conf.ACCESS_TOKEN_LIFETIME, session.refresh_token.idle_expires_at)
    user_id, audience = user_id_of(session.user), conf.AUDIENCE
    payload = {
        "iss": conf.ISSUER,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "sub": user_id,
        "exp": int(ends_at.timestamp()),
        "iat": int(now.timestamp()),
        "jti": uuid4().hex,
        "sid": str(session.pk),
        "auth_time": int(session.auth_time.timestamp()),
        "amr": session.amr,
        "acr": claims.acr_of(session.amr),
        conf.USER_ID_CLAIM: user_id,
    }
    return _mint(claims.TYP_ACCESS, payload, token_type="access")


def mint_refresh_token(refresh_token: RefreshToken) -> str:
    """Return the refresh token that `refresh_token` stands for.

    Its claims are a function of the row alone, so that a lost reply can be repeated.
    """
    payload = {
        "iss": conf.ISSUER,
        "exp": int(refresh_token.idle_expires_at.timestamp()),
        "iat": int(refresh_token.last_seen_at.timestamp()),
        "jti": uuid5(refresh_token.pk, str(refresh_token.generation)).hex,
        "sid": str(refresh_token.pk),
        "generation": refresh_token.generation,
    }
    return _mint(claims.TYP_REFRESH, payload, token_type="refresh")


def parse_access_token(text: str) -> SessionAccessToken:
    """Return the access token in `text`; whether its session lives is for ``revocation`` to say.

    Raises ``InvalidToken``.
    """
    try:
        return _read_access_token(text)
    except ValueError as error:
        raise _refused("access", error) from error


def parse_refresh_token(text: str) -> SessionRefreshToken:
    """Return the refresh token in `text`; whether it is the newest is for ``sessions`` to say.

    Raises ``InvalidToken``.
    """
    try:
        return _read_refresh_token(text)
    except ValueError as error:
        raise _refused("refresh", error) from error


def user_id_of(user: Any) -> str:
    """Return the user's `sub`."""
    return str(getattr(user, conf.USER_ID_FIELD))


def _refused(kind: str, error: ValueError) -> InvalidToken:
    logger.debug("%s token refused: %s", kind, error)
    return InvalidToken(str(error))


def _mint(typ: str, payload: dict[str, Any], *, token_type: str) -> str:
    if claim := conf.TOKEN_TYPE_CLAIM:
        payload[claim] = token_type
    if claim := conf.JTI_CLAIM:
        payload[claim] = payload["jti"]
    key = get_keyring().signing_key
    header = {"alg": key.algorithm, "kid": key.kid, "typ": typ}
    message = f"{claims.encode_object(header)}.{claims.encode_object(payload)}"
    return f"{message}.{claims.encode_segment(key.sign(message.encode()))}"


def _read_access_token(text: str) -> SessionAccessToken:
    payload = _read_signed(text, typ=claims.TYP_ACCESS)
    issued_at, expires_at = _read_common_claims(payload)
    # A token never outlives the setting, not even one minted while it was longer.
    if expires_at - issued_at > math.ceil(conf.ACCESS_TOKEN_LIFETIME.total_seconds()):
        raise ValueError("lives_too_long")
    # An audience is matched as a whole, never as a part of a string (RFC 8725 section 3.9).
    if claims.read_audience(payload).isdisjoint(conf.AUDIENCE):
        raise ValueError("wrong_audience")
    claims.read_text(payload, "sub")
    claims.read_text(payload, "jti")
    # Bound to a key that we do not ask for: safer refused than ignored (RFC 9449 section 7.2).
    if "cnf" in payload:
        raise ValueError("sender_constrained")
    return SessionAccessToken(payload, claims.read_uuid(payload, "sid"))


def _read_refresh_token(text: str) -> SessionRefreshToken:
    payload = _read_signed(text, typ=claims.TYP_REFRESH)
    _read_common_claims(payload)
    return SessionRefreshToken(
        sid=claims.read_uuid(payload, "sid"), generation=claims.read_generation(payload)
    )


def _read_signed(text: str, *, typ: str) -> dict[str, Any]:
    """Return the payload of a JWS in compact form (RFC 7515 section 3.1) of one `typ`."""
    if len(text) > MAX_LENGTH:
        raise ValueError("too_long")
    if not COMPACT_FORM.fullmatch(text):
        raise ValueError("not_compact")
    message, _, signature = text.rpartition(".")
    header_segment, _, payload_segment = message.partition(".")
    header = claims.decode_object(header_segment)
    # Each kind of token has a type of its own and is useless as another (RFC 8725 section 3.11).
    if claims.read_text(header, "typ").lower().removeprefix("application/") != typ:
        raise ValueError("wrong_typ")
    # Extensions that must be understood: we understand none (RFC 7515 section 4.1.11).
    if "crit" in header or "b64" in header:
        raise ValueError("crit")
    # The key is chosen by `kid` among our own alone; jku, jwk and x5c are not even looked at.
    key = get_keyring().find(claims.read_text(header, "kid"))
    if key is None:
        raise ValueError("unknown_kid")
    # The key decides the algorithm, the token may only agree (RFC 8725 section 3.1).
    if header.get("alg") != key.algorithm:
        raise ValueError("wrong_alg")
    if not key.is_signature(claims.decode_segment(signature), message.encode()):
        raise ValueError("bad_signature")
    return claims.decode_object(payload_segment)


def _read_common_claims(payload: dict[str, Any]) -> tuple[float, float]:
    """Judge the claims that both kinds share; return iat and exp, in seconds."""
    # Equal as a string, never in part (RFC 9068 section 4).
    if payload.get("iss") != conf.ISSUER:
        raise ValueError("wrong_issuer")
    now, leeway = time.time(), conf.LEEWAY.total_seconds()
    issued_at, expires_at = claims.read_time(payload, "iat"), claims.read_time(payload, "exp")
    if now >= expires_at + leeway:
        raise ValueError("expired")
    if issued_at > now + leeway:
        raise ValueError("issued_in_the_future")
    if "nbf" in payload and claims.read_time(payload, "nbf") > now + leeway:
        raise ValueError("not_yet_valid")
    return issued_at, expires_at
