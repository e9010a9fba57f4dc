"""The staff face: look at sessions, revoke one. Nothing here adds, changes or deletes."""

from jwt_sessions.admin.security_events import SecurityEventAdmin
from jwt_sessions.admin.sessions import RevokedSessionAdmin, SessionAdmin

__all__ = ["RevokedSessionAdmin", "SecurityEventAdmin", "SessionAdmin"]
