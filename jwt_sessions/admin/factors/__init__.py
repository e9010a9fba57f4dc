"""Who has which second factor, and the reset of a person's."""
