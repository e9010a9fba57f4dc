"""The second factor, over django-otp: the one door for all that is written about it.

No function here knows of HTTP answers. ``sign_in`` is what to call after any first factor;
``enrollment`` adds devices, ``changing`` names and removes them, ``pending_logins`` waits for the
code, ``step_up`` asks for one inside a session, ``recovery_codes`` renews them. Where many try at
once, one succeeds.
"""

from jwt_sessions.mfa import changing, enrollment, messages, pending_logins, recovery_codes, step_up
from jwt_sessions.mfa.devices import OwnedDevice, has_second_factor, list_devices
from jwt_sessions.mfa.pending_logins import SecondFactorNeeded, SignedIn, sign_in
from jwt_sessions.mfa.policy import is_required
from jwt_sessions.mfa.proving import Proof, prove

__all__ = [
    "OwnedDevice",
    "Proof",
    "SecondFactorNeeded",
    "SignedIn",
    "changing",
    "enrollment",
    "has_second_factor",
    "is_required",
    "list_devices",
    "messages",
    "pending_logins",
    "prove",
    "recovery_codes",
    "sign_in",
    "step_up",
]
