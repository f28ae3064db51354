"""Contrastive tuning of an encoder for few rows: texts of a class are drawn together, and classes apart, before a head is fitted."""
