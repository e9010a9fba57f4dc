"""The one door for session writes: start, refresh, rename, rebind, revoke, clear.

No function here knows of HTTP answers. All of them, but for those that work in batches, work inside
a caller's own transaction and then commit or roll back with it; signals are sent after the commit.
`request`, where it is taken, is the ``HttpRequest`` behind the act: its caller's address is noted,
and signals pass it on.
"""

from jwt_sessions.sessions.bulk import resume_revocation, revoke_in_batches
from jwt_sessions.sessions.changing import (
    note_proof,
    prove_again,
    rebind,
    rebind_upgraded,
    rename,
)
from jwt_sessions.sessions.clearing import clear_expired
from jwt_sessions.sessions.criteria import Criteria
from jwt_sessions.sessions.pairs import TokenPair
from jwt_sessions.sessions.previewing import Preview, preview
from jwt_sessions.sessions.refreshing import Refusal, refresh
from jwt_sessions.sessions.revoking import forget, revoke, revoke_all, revoke_unbound
from jwt_sessions.sessions.seeing import see
from jwt_sessions.sessions.starting import Origin, start, start_in_browser
from jwt_sessions.sessions.stepping import Position, record_revocation, revoke_some
from jwt_sessions.sessions.verifying import verify

__all__ = [
    "Criteria",
    "Origin",
    "Position",
    "Preview",
    "Refusal",
    "TokenPair",
    "clear_expired",
    "forget",
    "note_proof",
    "preview",
    "prove_again",
    "rebind",
    "rebind_upgraded",
    "record_revocation",
    "refresh",
    "rename",
    "resume_revocation",
    "revoke",
    "revoke_all",
    "revoke_in_batches",
    "revoke_some",
    "revoke_unbound",
    "see",
    "start",
    "start_in_browser",
    "verify",
]
