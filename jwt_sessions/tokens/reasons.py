"""Why a token is refused, in words: for ``manage.py inspecttoken``, not for callers.

Whoever presents a bad token is told no more than that it is not valid.
"""

from __future__ import annotations

from typing import Final

EXPLANATIONS: Final = {
    # How it is written
    "too_long": "It is longer than any token we write.",
    "not_compact": "It is not three segments of A-Z, a-z, 0-9, - and _ with dots between them.",
    "bad_base64": "A segment is no base64url, or not spelled in the one canonical way.",
    "bad_json": "Header or payload is no strict JSON in UTF-8, or has a name twice.",
    "json_too_deep": "Its JSON is nested too deeply.",
    "not_an_object": "Header or payload is no JSON object.",
    # Header
    "wrong_typ": "It is another kind of token: `typ` says so.",
    "crit": "It asks for an extension (`crit`, `b64`), and we understand none.",
    "unknown_kid": "No key of ours has this `kid`: removed, not loaded yet, or never ours.",
    "retired_key": "The key that signed it is retired.",
    "wrong_alg": "`alg` is not the algorithm of the key that `kid` names.",
    "bad_signature": "The signature is not that of the key for this header and payload.",
    # Claims
    "wrong_issuer": "`iss` is not the issuer: another site made it, or ISSUER was changed.",
    "expired": "It has expired.",
    "issued_in_the_future": "`iat` lies in the future; perhaps two clocks differ.",
    "not_yet_valid": "`nbf` lies in the future.",
    "lives_too_long": "It lives longer than ACCESS_TOKEN_LIFETIME allows.",
    "wrong_audience": "None of its audiences is one of AUDIENCE.",
    "sender_constrained": "It is bound to a key (`cnf`), which we do not ask for.",
    # What it stands for
    "session_unknown": "Its session is not in the database, or its user is deleted.",
    "session_revoked": "Its session is revoked.",
    "session_expired": "Its session has ended: unused for too long, or at its absolute end.",
    "wrong_kind": "Its session is a browser's, which has no tokens.",
    "wrong_subject": "`sub` is not the user of its session any more.",
    "superseded": "A newer refresh token has taken its place; presented again, it may end the "
    "session.",
    "user_deleted": "Its user is deleted.",
    "user_deactivated": "Its user may not be signed in.",
    "password_changed": "The password was changed after the sign-in.",
}


def explain(reason: str) -> str:
    """Return a sentence for the reason of a refusal."""
    if reason.startswith("bad_") and reason not in EXPLANATIONS:
        return f"`{reason.removeprefix('bad_')}` is missing or malformed."
    return EXPLANATIONS[reason]
