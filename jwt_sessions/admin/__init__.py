"""The staff face: look at sessions, revoke one. Nothing here adds, changes or deletes."""

from jwt_sessions.admin.factors import EncryptedTOTPAdmin, MessageDeviceAdmin, RecoveryCodesAdmin
from jwt_sessions.admin.sessions import RevokedSessionAdmin, SessionAdmin

__all__ = [
    "EncryptedTOTPAdmin",
    "MessageDeviceAdmin",
    "RecoveryCodesAdmin",
    "RevokedSessionAdmin",
    "SessionAdmin",
]
