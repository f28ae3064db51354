"""What text plugins share: backbones from transformers, tokens, the tokenizer's file. A library, not a plugin."""
