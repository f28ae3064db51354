"""Whether a text is like those that a classifier was made for. No torch."""
