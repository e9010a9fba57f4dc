"""What can go wrong below the faces. No HTTP here: each face says it in its own way."""


class JWTSessionsError(Exception):
    """The root of this app's exceptions."""


class InvalidToken(JWTSessionsError):
    """A token that is not good; `reason` says why, for logs and tests, not for callers."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UserGone(JWTSessionsError):
    """The user was deleted meanwhile."""


class SessionLimitReached(JWTSessionsError):
    """The user has as many live sessions as MAX_SESSIONS_PER_USER allows, and none may be ended."""


class BadKey(JWTSessionsError):
    """A key cannot serve, or none is there; the text says why and never quotes one."""


class CannotSign(BadKey):
    """No key signs at this moment, or what signs elsewhere does not answer."""


class BadClaims(JWTSessionsError):
    """EXTRA_CLAIMS returned what may not stand in a token."""


class NotDelivered(JWTSessionsError):
    """A code could not be sent."""


class TooSoon(JWTSessionsError):
    """Another code would be too many for now; `wait` says for how many seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"wait {wait} seconds")
        self.wait = wait


class ProofNeeded(JWTSessionsError):
    """The user has a second factor, which must be proven first."""


class FactorNeeded(JWTSessionsError):
    """The last second factor of a user who must have one, or of one who has none."""


class TooManyDevices(JWTSessionsError):
    """The user has as many devices as anybody may."""


class TooSlow(JWTSessionsError):
    """The database did not answer in the time that it was given."""


class BadCriteria(JWTSessionsError):
    """Criteria that say nothing, or what cannot be; `code` is for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
