"""What this app announces, always after the change is committed.

Every signal is sent with ``sender=Session``, those of the second factor with
``sender=SecurityEvent``, and with `request`: the ``HttpRequest`` that caused it, or None. A
receiver that raises is logged and stops nobody. Django's own ``user_logged_in`` is sent at the
start of a session, and ``user_login_failed`` by ``django.contrib.auth.authenticate``.
"""

from django.dispatch import Signal

# session: the new Session. is_login: whether somebody has just signed in; False for a session that
# only continues what Django had kept before.
session_started = Signal()

# session: the Session, with its user and its new generation in session.refresh_token.
session_refreshed = Signal()

# Sent once for each act of revoking, however many sessions it ended; a bulk revocation sends it for
# each of its batches.
# session_id: the UUID where one session was meant, else None. user: whose sessions, where that was
# said. Both are None for a bulk revocation, and for no other act.
# count: how many sessions were ended (at least 1). reason: a RevokedReason.
# by: who did it, or None.
session_revoked = Signal()

# Sent with ``sender=BulkRevocation`` when a bulk revocation has revoked all that it was to revoke,
# by whoever did the rest of it.
# record: the BulkRevocation. request: that of who finished it, or None.
bulk_revocation_finished = Signal()

# Sent when a SecurityEvent of that kind is recorded, with `user` and `event`, the SecurityEvent;
# event.facts says which method or device.
factor_added = Signal()
factor_removed = Signal()
factors_reset = Signal()
recovery_code_used = Signal()
recovery_codes_low = Signal()
recovery_codes_renewed = Signal()
too_many_wrong_codes = Signal()
# By our page for it; what else changes a password is not noticed.
password_changed = Signal()

# session: the Session that a superseded refresh token was presented for, as it was read just
# before; by now it is revoked.
refresh_token_reused = Signal()
