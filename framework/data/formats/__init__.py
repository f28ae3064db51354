"""Reads files of rows: how a format is chosen for a file, and the formats of the framework itself."""
