"""The staff face: look at sessions, events and second factors; revoke, reset. Nothing is edited."""

from jwt_sessions.admin.bulk_records import BulkRevocationAdmin
from jwt_sessions.admin.factors import EncryptedTOTPAdmin, MessageDeviceAdmin, RecoveryCodesAdmin
from jwt_sessions.admin.security_events import SecurityEventAdmin
from jwt_sessions.admin.sessions import RevokedSessionAdmin, SessionAdmin

__all__ = [
    "BulkRevocationAdmin",
    "EncryptedTOTPAdmin",
    "MessageDeviceAdmin",
    "RecoveryCodesAdmin",
    "RevokedSessionAdmin",
    "SecurityEventAdmin",
    "SessionAdmin",
]
