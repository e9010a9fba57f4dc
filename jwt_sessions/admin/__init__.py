"""The staff face: look at sessions, events and second factors; revoke, reset. Nothing is edited."""

from jwt_sessions.admin.bulk.records import BulkRevocationAdmin
from jwt_sessions.admin.factors.screens import (
    EncryptedTOTPAdmin,
    MessageDeviceAdmin,
    RecoveryCodesAdmin,
)
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
