"""Train, validation and test rows, kept apart."""
