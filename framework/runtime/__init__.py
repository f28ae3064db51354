"""Runs an artifact with numpy, tokenizers and onnxruntime. Nothing here imports torch or transformers."""
