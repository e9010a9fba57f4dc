"""The password, then a code: what the login pages of the admin and of end users have in common."""
