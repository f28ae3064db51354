"""Finds training rows whose label is probably wrong. No torch."""
