"""Two artifacts on the same rows, and what of their difference is chance."""
