"""Sequence labeling: named entities, slots, or any tag for each token."""
