"""The staff face: look at sessions, revoke one or many. Nothing here adds, changes or deletes."""

from jwt_sessions.admin.bulk_records import BulkRevocationAdmin
from jwt_sessions.admin.sessions import RevokedSessionAdmin, SessionAdmin

__all__ = ["BulkRevocationAdmin", "RevokedSessionAdmin", "SessionAdmin"]
