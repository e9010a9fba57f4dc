from jwt_sessions.models.among import Among
from jwt_sessions.models.bulk_revocation import BulkRevocation, BulkRevocationReason
from jwt_sessions.models.compiled import CompiledLookup
from jwt_sessions.models.device import FactorDevice
from jwt_sessions.models.factor_allowance import FactorAllowance
from jwt_sessions.models.message_device import Channel, MessageDevice
from jwt_sessions.models.pending_login import PendingLogin
from jwt_sessions.models.recovery_codes import RecoveryCode, RecoveryCodes
from jwt_sessions.models.refresh_token import RefreshToken
from jwt_sessions.models.security_event import SecurityEvent, SecurityEventKind
from jwt_sessions.models.session import (
    RevokedReason,
    RevokedSession,
    Session,
    SessionKind,
    session_alias,
)
from jwt_sessions.models.totp import EncryptedTOTP

__all__ = [
    "Among",
    "BulkRevocation",
    "BulkRevocationReason",
    "Channel",
    "CompiledLookup",
    "EncryptedTOTP",
    "FactorAllowance",
    "FactorDevice",
    "MessageDevice",
    "PendingLogin",
    "RecoveryCode",
    "RecoveryCodes",
    "RefreshToken",
    "RevokedReason",
    "RevokedSession",
    "SecurityEvent",
    "SecurityEventKind",
    "Session",
    "SessionKind",
    "session_alias",
]
