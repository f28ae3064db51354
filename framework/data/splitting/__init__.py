"""Splits rows into training, validation and test rows that share no text."""
