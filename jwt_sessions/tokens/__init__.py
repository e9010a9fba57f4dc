"""The tokens: minting and parsing. The only importer of simplejwt's tokens.

There are three kinds, each with a `typ` and rules of its own, and useless as another (RFC 8725
sections 3.11 and 3.12). ``kinds`` is what parsing returns, ``minting`` writes them, ``reading``
reads what all have in common, ``parsing`` judges each kind.
"""

from jwt_sessions.tokens.kinds import (
    PendingLoginToken,
    SessionAccessToken,
    SessionRefreshToken,
    user_id_of,
)
from jwt_sessions.tokens.minting import mint_access_token, mint_mfa_token, mint_refresh_token
from jwt_sessions.tokens.parsing import (
    parse_access_token,
    parse_issuer_token,
    parse_mfa_token,
    parse_refresh_token,
)

__all__ = [
    "PendingLoginToken",
    "SessionAccessToken",
    "SessionRefreshToken",
    "mint_access_token",
    "mint_mfa_token",
    "mint_refresh_token",
    "parse_access_token",
    "parse_issuer_token",
    "parse_mfa_token",
    "parse_refresh_token",
    "user_id_of",
]
