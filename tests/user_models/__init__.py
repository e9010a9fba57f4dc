"""User models unlike Django's own, for the runs with TEST_USER_MODEL=uuid and =email."""
