"""HTTP over the runtime: ``python -m framework serve``. Nothing here imports torch or transformers."""
