"""Many sessions revoked at once: from criteria to a record."""
