"""Compares two artifacts on the same rows: their difference, its confidence interval and significance."""
