"""The root of every composed recipe."""
