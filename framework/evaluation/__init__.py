"""Judges models on rows with answers."""
