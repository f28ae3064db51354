"""The sealed folder: its manifest, the draft it is made in, and its opening."""
