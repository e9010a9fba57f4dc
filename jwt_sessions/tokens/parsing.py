"""Judging tokens, a function for each kind.

Each refusal raises ``InvalidToken`` with a reason of its own, which is logged at debug; the caller
is told only that the token is not valid.
"""

from __future__ import annotations

import logging
import time
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from jwt_sessions import claims
from jwt_sessions.exceptions import InvalidToken
from jwt_sessions.keys import find_key, find_refresh_key, get_issuer_keyring, get_keyring
from jwt_sessions.tokens.kinds import PendingLoginToken, SessionAccessToken, SessionRefreshToken
from jwt_sessions.tokens.reading import (
    check_audience,
    check_issuer,
    check_times,
    read_signed,
    rules,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt_sessions.keys import Key

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Token = TypeVar("Token")


def _refusing(
    kind: str,
) -> Callable[[Callable[Arguments, Token]], Callable[Arguments, Token]]:
    """Log each refusal, and raise it as ``InvalidToken``."""

    def decorate(parse: Callable[Arguments, Token]) -> Callable[Arguments, Token]:
        @wraps(parse)
        def parse_or_refuse(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Token:
            try:
                return parse(*args, **kwargs)
            except ValueError as error:
                logger.debug("%s refused: %s", kind, error)
                raise InvalidToken(str(error)) from error

        return parse_or_refuse

    return decorate


@_refusing("access token")
def parse_access_token(text: str) -> SessionAccessToken:
    """Return the access token in `text`; whether its session lives is for ``revocation`` to say.

    Raises ``InvalidToken``.
    """
    asked = rules()
    payload, issued_at, expires_at = _read_own(text, typ=claims.TYP_ACCESS, find=find_key)
    # A token never outlives the setting, not even one minted while it was longer.
    if expires_at - issued_at > asked.access_token_lifetime:
        raise ValueError("lives_too_long")
    _check_access(payload, asked.audiences)
    return SessionAccessToken(payload, claims.read_uuid(payload, "sid"))


@_refusing("refresh token")
def parse_refresh_token(text: str) -> SessionRefreshToken:
    """Return the refresh token in `text`; whether it is the newest is for ``sessions`` to say.

    Raises ``InvalidToken``.
    """
    payload, *_ = _read_own(text, typ=claims.TYP_REFRESH, find=find_refresh_key)
    return SessionRefreshToken(
        sid=claims.read_uuid(payload, "sid"), generation=claims.read_generation(payload)
    )


@_refusing("mfa_token")
def parse_mfa_token(text: str) -> PendingLoginToken:
    """Return the `mfa_token` in `text`; whether its login still waits is for its row to say.

    Raises ``InvalidToken``.
    """
    payload, *_ = _read_own(text, typ=claims.TYP_MFA, find=find_key)
    return PendingLoginToken(pending_login=claims.read_uuid(payload, "jti"))


@_refusing("another issuer's access token")
def parse_issuer_token(text: str, *, issuer: str, audience: str | None = None) -> dict[str, Any]:
    """Return the claims of an access token (RFC 9068) that one of TRUSTED_ISSUERS made.

    It must be meant for `audience`, or else for one of AUDIENCE. Its subject is a person of that
    issuer's, never one of ours (OpenID Connect Core 1.0 section 5.7). Raises ``InvalidToken``, and
    ``BadKey`` where `issuer` is not trusted or its keys cannot be read.
    """
    asked, now, keyring = rules(), time.time(), get_issuer_keyring(issuer)
    payload = read_signed(text, typ=claims.TYP_ACCESS, keyring=keyring, find=keyring.find, now=now)
    check_issuer(payload, issuer)
    check_times(payload, now=now, leeway=asked.leeway)
    _check_access(payload, asked.audiences if audience is None else frozenset({audience}))
    return payload


def _read_own(
    text: str, *, typ: str, find: Callable[[str], Key | None]
) -> tuple[dict[str, Any], float, float]:
    """Return the payload of a token of ours, its iat and its exp, in seconds."""
    asked, now = rules(), time.time()
    payload = read_signed(text, typ=typ, keyring=get_keyring(), find=find, now=now)
    check_issuer(payload, asked.issuer)
    issued_at, expires_at = check_times(payload, now=now, leeway=asked.leeway)
    return payload, issued_at, expires_at


def _check_access(payload: dict[str, Any], audiences: frozenset[str]) -> None:
    """Judge what every access token has to say (RFC 9068 section 2.2)."""
    check_audience(payload, audiences)
    claims.read_text(payload, "sub")
    claims.read_text(payload, "jti")
    # Bound to a key that we do not ask for: safer refused than ignored (RFC 9449 section 7.2).
    if "cnf" in payload:
        raise ValueError("sender_constrained")
