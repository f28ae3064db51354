"""Columns of labels: one spelling for each label, combinations of labels, and what holds no classes."""
