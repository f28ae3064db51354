"""The artifact: its manifest, the draft it is made in, its verification, and the registry of its versions."""
