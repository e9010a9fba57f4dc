"""Whether a session is revoked, or dead for another reason: asked by every request.

By its row, or, with ``REVOCATION_CHECK = "cached"``, by what the process knows of the sessions that
were revoked lately, and by a cache that tells whether there are more.
"""

from jwt_sessions.revocation.cached import is_revoked, tell_of_revoked
from jwt_sessions.revocation.judging import (
    attach_live_session,
    auth_hashes,
    find_session,
    is_bound,
    may_sign_in,
    why_dead,
)
from jwt_sessions.revocation.lazy_user import LazyUser, known_from
from jwt_sessions.revocation.window import window_length

__all__ = [
    "LazyUser",
    "attach_live_session",
    "auth_hashes",
    "find_session",
    "is_bound",
    "is_revoked",
    "known_from",
    "may_sign_in",
    "tell_of_revoked",
    "why_dead",
    "window_length",
]
