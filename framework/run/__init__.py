"""A run: its folder and its steps."""
