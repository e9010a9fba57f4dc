"""What can happen to a second factor."""

from __future__ import annotations

from jwt_sessions import mfa
from tests.authenticators import ask_for_code, enroll, enter
from tests.people import Device

WRONG_CODES = 10


class Story:
    """Alice on her phone, who has an authenticator app, and what becomes of it."""

    def __init__(self, phone, clock):
        self.phone, self.clock = phone, clock
        self.session, self.user = phone.session, phone.session.user

    def have_app(self, name="My phone"):
        self.app = enroll(self.phone, name=name)
        self.clock.shift(30)

    def sign_in_by(self, code):
        """Sign in elsewhere; return that session."""
        device = Device()
        answer = enter(device, ask_for_code(device, self.user), code)
        return device.session if answer.status_code == 200 else None

    def add(self):
        self.have_app()
        return self.session

    def remove(self):
        self.phone.delete(f"mfa/devices/{self.app.id}/")
        return self.session

    def reset(self):
        mfa.changing.reset(self.user)

    def use_recovery_code(self):
        return self.sign_in_by(self.app.recovery_codes.pop())

    def use_up(self):
        """Use recovery codes until three are left; the last use is in the session returned."""
        while len(self.app.recovery_codes) > 4:
            self.phone.post("token/step-up/", {"code": self.app.recovery_codes.pop()})
        return self.use_recovery_code()

    def renew(self):
        self.phone.post("mfa/recovery-codes/")
        return self.session

    def guess(self):
        for _ in range(WRONG_CODES):
            self.phone.post("token/step-up/", {"code": self.app.wrong_code()})
        return self.session


# kind: what happens, and the facts that are told of it.
STORIES = {
    "factor_added": (Story.add, {"method": "totp", "name": "My phone"}),
    "factor_removed": (Story.remove, {"method": "totp", "name": "My phone"}),
    "factors_reset": (Story.reset, {"devices": 2, "by": None}),
    "recovery_code_used": (Story.use_recovery_code, {"remaining": 9}),
    "recovery_codes_low": (Story.use_up, {"remaining": 3}),
    "recovery_codes_renewed": (Story.renew, {}),
    "too_many_wrong_codes": (Story.guess, {"method": "totp"}),
}
