"""What generators share: rows to learn from, the decoder as a graph with a cache, and decoding in numpy."""
