"""Writes graphs to files, proves and measures them."""
