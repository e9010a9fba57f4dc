from jwt_sessions.models.refresh_token import RefreshToken
from jwt_sessions.models.security_event import SecurityEvent, SecurityEventKind
from jwt_sessions.models.session import RevokedReason, RevokedSession, Session, SessionKind

__all__ = [
    "RefreshToken",
    "RevokedReason",
    "RevokedSession",
    "SecurityEvent",
    "SecurityEventKind",
    "Session",
    "SessionKind",
]
