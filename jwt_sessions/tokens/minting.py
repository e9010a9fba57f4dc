"""Writing tokens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4, uuid5

from jwt_sessions import claims
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import BadClaims
from jwt_sessions.keys import get_keyring
from jwt_sessions.keys.keyring import header_of
from jwt_sessions.tokens.kinds import user_id_of
from jwt_sessions.tokens.reading import MAX_LENGTH

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from jwt_sessions.models import RefreshToken, Session


def mint_access_token(session: Session, *, now: datetime) -> str:
    """Return a new access token (RFC 9068) for `session`, whose user and refresh token are loaded.

    It ends no later than the session does. Raises ``BadClaims`` for what EXTRA_CLAIMS adds, and
    ``BadKey`` where no key signs.
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
        "amr": [*session.amr],
        "acr": claims.acr_of(session.amr),
        conf.USER_ID_CLAIM: user_id,
    }
    payload = _with_names_of_simplejwt(payload, token_type="access")
    return _sign(claims.TYP_ACCESS, {**payload, **_extra_claims(session, payload)})


def mint_refresh_token(refresh_token: RefreshToken) -> str:
    """Return the refresh token that `refresh_token` stands for.

    Its claims are a function of the row alone, so that a lost reply can be repeated. Raises
    ``BadKey`` where no key signs.
    """
    payload = {
        "iss": conf.ISSUER,
        "exp": int(refresh_token.idle_expires_at.timestamp()),
        "iat": int(refresh_token.last_seen_at.timestamp()),
        "jti": uuid5(refresh_token.pk, str(refresh_token.generation)).hex,
        "sid": str(refresh_token.pk),
        "generation": refresh_token.generation,
    }
    return _sign(claims.TYP_REFRESH, _with_names_of_simplejwt(payload, token_type="refresh"))


def mint_mfa_token(pending_login: UUID, *, now: datetime, expires_at: datetime) -> str:
    """Return the `mfa_token` that stands for a pending login between password and code.

    It says nothing of the person: who they are, and how often they may try, its row knows. Raises
    ``BadKey`` where no key signs.
    """
    payload = {
        "iss": conf.ISSUER,
        "exp": int(expires_at.timestamp()),
        "iat": int(now.timestamp()),
        "jti": str(pending_login),
    }
    return _sign(claims.TYP_MFA, payload)


def _with_names_of_simplejwt(payload: dict[str, Any], *, token_type: str) -> dict[str, Any]:
    if claim := conf.TOKEN_TYPE_CLAIM:
        payload[claim] = token_type
    if claim := conf.JTI_CLAIM:
        payload[claim] = payload["jti"]
    return payload


def _extra_claims(session: Session, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what EXTRA_CLAIMS adds, if it takes no other claim's place or meaning."""
    if (function := conf.EXTRA_CLAIMS) is None:
        return {}
    returned: Any = function(session)
    if not isinstance(returned, Mapping) or not all(isinstance(name, str) for name in returned):
        raise BadClaims("EXTRA_CLAIMS did not return a dict of names and values")
    try:
        # As whoever verifies the token reads it, which may be less or more than it looks here.
        extra = claims.decode_object(claims.encode_object(dict(returned)))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadClaims("EXTRA_CLAIMS returned what JSON cannot say") from error
    refused = payload.keys() | claims.RESERVED_CLAIMS | claims.CLAIMS_OF_OTHER_TOKENS
    if taken := sorted(extra.keys() & refused):
        raise BadClaims(f"EXTRA_CLAIMS returned {', '.join(taken)}, which mean something else")
    return extra


def _sign(typ: str, payload: dict[str, Any]) -> str:
    key = get_keyring().signing_key(time.time())
    message = f"{header_of(key, typ)}.{claims.encode_object(payload)}"
    token = f"{message}.{claims.encode_segment(key.sign(message.encode()))}"
    if len(token) > MAX_LENGTH:
        raise BadClaims(
            f"EXTRA_CLAIMS make a token of {len(token)} characters; we read no longer"
            f" ones than {MAX_LENGTH}"
        )
    return token
