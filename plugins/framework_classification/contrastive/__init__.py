"""Contrastive tuning of an encoder for few rows: texts become similar to their class, then a head is fitted to them."""
