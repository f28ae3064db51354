"""Judges models on labelled rows."""
