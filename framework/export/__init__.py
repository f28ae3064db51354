"""Exports graphs to files, proves that the files compute what the model computes, and measures them."""
