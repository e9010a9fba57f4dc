"""What can go wrong below the faces. No HTTP here: each face says it in its own way."""


class JWTSessionsError(Exception):
    """The root of this app's exceptions."""


class InvalidToken(JWTSessionsError):
    """A token that is not good; `reason` says why, for logs and tests, not for callers."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UserGone(JWTSessionsError):
    """The user was deleted while they signed in."""


class SessionLimitReached(JWTSessionsError):
    """The user has as many live sessions as MAX_SESSIONS_PER_USER allows, and none may be ended."""
